"""The rows of a dataset as they were written, JSON to the last digit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, overload

from cb_datasets.schema.columns import Record

if TYPE_CHECKING:
    from datasets import Dataset


@overload
def exact_rows(dataset: Dataset) -> Iterator[dict[str, Any]]: ...


@overload
def exact_rows(dataset: Dataset, record: type[Record]) -> Iterator[Record]: ...


def exact_rows(dataset: Dataset, record: type[Any] | None = None) -> Iterator[Any]:
    """The rows of a dataset with its JSON columns read to the last digit.

    Reading through `Json()` rounds floats and turns large integers into text; here the stored
    JSON text is decoded by Python.

    Args:
        dataset: The dataset.
        record: The record whose rows they are, for who checks types; it changes nothing.

    Example:
        >>> from datasets import Dataset, Features, Json
        >>> from cb_datasets.schema import stored
        >>> column = {"arguments": [stored({"x": 0.1 + 0.2}, Json())]}
        >>> rows = Dataset.from_dict(column, features=Features({"arguments": Json()}))
        >>> list(exact_rows(rows))
        [{'arguments': {'x': 0.30000000000000004}}]
    """
    # Token ids are most of a row, and hold no JSON: only what may hold some is gone through.
    held = {name: kind for name, kind in dataset.features.items() if _holds_json(kind)}
    for table in dataset.with_format("arrow").iter(batch_size=256):
        for row in table.to_pylist():
            for name, kind in held.items():
                row[name] = _loaded(row[name], kind)
            yield row


def json_object(value: Any) -> Any:
    """A JSON object that may still be its own text, or that text as a JSON string.

    Example:
        >>> json_object('{"n": 1180591620717411303424}')
        {'n': 1180591620717411303424}
    """
    while isinstance(value, str):
        value = json.loads(value)
    return value


def _holds_json(feature: Any) -> bool:
    from datasets import Json, List

    if isinstance(feature, List):
        return _holds_json(feature.feature)
    if isinstance(feature, dict):
        return any(map(_holds_json, feature.values()))
    return isinstance(feature, Json)


def _loaded(value: Any, feature: Any) -> Any:
    from datasets import Json, List

    if value is None:
        return None
    if isinstance(feature, Json):
        return json_object(value)
    if isinstance(feature, List):
        return [_loaded(item, feature.feature) for item in value]
    if isinstance(feature, dict):
        return {name: _loaded(value.get(name), inner) for name, inner in feature.items()}
    return value
