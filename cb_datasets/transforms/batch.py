"""What the four transforms share: the shape of a batch, and a pickle that fingerprints well."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from cb_datasets.schema import arrow_column, record_features

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

Batch: TypeAlias = dict[str, list[Any]]
"""Columns of lists, as `Dataset.map(..., batched=True)` passes them."""


ROOMS = (
    *("llama31", "models", "quoting.py", "records.py", "refusal.py", "schema.py", "text_forms.py"),
    "transforms",
)
"""The rooms that every transform rests on, for its version."""


class TypedColumn(list[Any]):
    """A list that tells Arrow the type that its column has in a record.

    `Dataset.map` takes the type of a new column from the first batch. Nothing but nulls there
    would make it a column of nulls, which later batches cannot be written to, and calls of one
    tool a struct of that tool's arguments, which those of another tool do not fit.
    """

    def __init__(self, values: Iterable[Any], record: type, name: str) -> None:
        super().__init__(values)
        self._record = record
        self._name = name

    def __arrow_array__(self, type: pa.DataType | None = None) -> pa.Array:
        return arrow_column(self, record_features(self._record)[self._name])


def typed(batch: Batch, record: type) -> Batch:
    """A batch whose columns that the record names have the record's types."""
    names = record.__dataclass_fields__  # type: ignore[attr-defined]
    return {
        name: TypedColumn(values, record, name) if name in names else values
        for name, values in batch.items()
    }


class Configured:
    """A callable that is nothing but its configuration.

    It pickles as class, code version and configuration: whatever it loads or caches while it
    works stays out of the pickle, so that the fingerprint is the same before and after use, in
    every process.
    """

    def config(self) -> dict[str, Any]:
        """The arguments that make this transform again."""
        raise TypeError(f"{type(self).__name__} has no configuration")

    def version(self) -> str:
        """What changes when the code that decides the result does."""
        raise TypeError(f"{type(self).__name__} has no version")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.version(), tuple(sorted(self.config().items())))


def _rebuild(cls: type, version: str, config: tuple[tuple[str, Any], ...]) -> Any:
    return cls(**dict(config))


def rows_of(batch: Batch) -> list[dict[str, Any]]:
    """The rows of a batch."""
    names = list(batch)
    return [dict(zip(names, values, strict=True)) for values in zip(*batch.values(), strict=True)]


def columns_of(rows: list[dict[str, Any]], names: list[str]) -> Batch:
    """The named columns of rows."""
    return {name: [row[name] for row in rows] for name in names}
