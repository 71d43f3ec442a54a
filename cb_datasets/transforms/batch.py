"""What the four transforms share: batches and their rows, and a pickle that fingerprints well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from cb_datasets.errors import FormatError
from cb_datasets.quoting import printable
from cb_datasets.records import CompletionColumns, LabelColumns, ParseColumns, PromptColumns
from cb_datasets.schema import Record, arrow_column, record_columns, record_features

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

_ADDED: dict[str, type] = {
    "FormatPrompt": PromptColumns,
    "BatchGenerate": CompletionColumns,
    "ParseToolCalls": ParseColumns,
    "LabelOutcome": LabelColumns,
}
"""What each stage adds, in their order."""

_LISTED = 12

Batch: TypeAlias = dict[str, list[Any]]
"""Columns of lists, as `Dataset.map(..., batched=True)` passes them."""


ROOMS = (
    *("formats", "models", "quoting.py", "records", "refusal.py", "schema", "text_forms.py"),
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


def check_columns(batch: Batch, stage: str, *needed: str) -> None:
    """See that a batch has what a stage reads.

    Raises:
        FormatError: A column is missing; the sentence says where it comes from.

    Example:
        >>> check_columns({"messages": []}, "ParseToolCalls", "assistant_raw")
        Traceback (most recent call last):
        ...
        cb_datasets.errors.FormatError: ParseToolCalls reads the column 'assistant_raw', which \
BatchGenerate adds, and it is not there (columns: messages); the order is FormatPrompt, \
BatchGenerate, ParseToolCalls, LabelOutcome
    """
    missing = [name for name in needed if name not in batch]
    if not missing:
        return
    name = missing[0]
    makers = (stage for stage, record in _ADDED.items() if name in record.__annotations__)
    maker = next(makers, "a scenario of load_source has")
    there = ", ".join(printable(column, 40) for column in list(batch)[:_LISTED]) or "none"
    raise FormatError(
        f"{stage} reads the column {name!r}, which {maker}{' adds' if maker in _ADDED else ''}, "
        f"and it is not there (columns: {there}); the order is {', '.join(_ADDED)}"
    )


def rows_of(batch: Batch, record: type[Record]) -> list[Record]:
    """The rows of a batch, with those columns of a record that it has.

    `Dataset.map` reads a column when it is asked for: what is not of the record is left alone.
    """
    names = [column.name for column in record_columns(record) if column.name in batch]
    columns = [batch[name] for name in names]
    rows: list[Any] = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return rows


def columns_of(rows: Sequence[Mapping[str, Any]], record: type) -> Batch:
    """The columns of a record over rows, each with the type that it has in the record."""
    return {
        column.name: TypedColumn(column.values(rows), record, column.name)
        for column in record_columns(record)
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
