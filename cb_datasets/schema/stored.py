"""Rows on their way into a dataset: every column of its record's type, JSON to the last digit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cb_datasets.schema.columns import record_columns
from cb_datasets.schema.features import record_features

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]
    from datasets import Dataset

_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))

_MANY_DIGITS = re.compile(r"\d{19}")
"""A sign of an integer that may not fit 64 bits."""


def stored(value: Any, feature: Any) -> Any:
    """A value as its column stores it, given to `datasets` so that nothing of it is lost.

    JSON is written here and not by `Json()`, whose encoder keeps ten decimals of a float; it takes
    text that is JSON already as it is. What its reader would choke on (an integer of 65 bits) it
    wraps into a JSON string: `exact_rows` and `json_object` read that too.
    """
    return stored_form(feature)(value)


def stored_form(feature: Any) -> Callable[[Any], Any]:
    """What turns values of a column into what `stored` gives, made once for many values.

    What a value of a record leaves out becomes null; a list of records becomes empty.
    """
    from datasets import Json, List, Value

    if isinstance(feature, Json):
        return lambda value: None if value is None else _stored_json(value, feature)
    if isinstance(feature, List) and not isinstance(feature.feature, Value):
        item = stored_form(feature.feature)
        # `datasets` reads a list of records that is null as an empty one, and cannot save it.
        return lambda value: [item(one) for one in value or ()]
    if isinstance(feature, dict):
        inner = [(name, stored_form(kind)) for name, kind in feature.items()]
        return lambda value: (
            None if value is None else {name: form(value.get(name)) for name, form in inner}
        )
    return lambda value: value


def _stored_json(value: Any, feature: Any) -> str:
    text = _JSON.encode(value)
    return feature.encode_example(text) if _MANY_DIGITS.search(text) else text


def set_table(rows: Sequence[Mapping[str, Any]], record: type) -> Dataset:
    """Rows of a record as a `Dataset`, with JSON kept to the last digit.

    Example:
        >>> from cb_datasets.records import ToolCall
        >>> set_table([{"name": "f", "arguments": {"x": 1}}], ToolCall)[0]["arguments"]
        {'x': 1}
    """
    from datasets import Dataset, DatasetInfo

    info = DatasetInfo(features=record_features(record))
    return Dataset(arrow_table(rows, record), info=info)


def arrow_table(rows: Sequence[Mapping[str, Any]], record: type) -> pa.Table:
    """Rows of a record as an Arrow table: here what a row may leave out, and does, becomes null."""
    import pyarrow as pa

    features = record_features(record)
    arrays = [
        arrow_column(column.values(rows), features[column.name])
        for column in record_columns(record)
    ]
    return pa.Table.from_arrays(arrays, schema=features.arrow_schema)


def arrow_column(values: Iterable[Any], feature: Any) -> pa.Array:
    """Values as an Arrow array of a feature's type, whatever the values are."""
    import pyarrow as pa
    from datasets import Features

    kind = Features({"column": feature}).arrow_schema.field("column").type
    return _as_type(pa.array(list(map(stored_form(feature), values)), type=_storage(kind)), kind)


def _storage(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return kind.storage_type
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_storage(field.type)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_storage(kind.value_type)))
    return kind


def _as_type(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """An array of the storage type as one of the type itself.

    A list in a record that is null as a whole becomes empty: nobody can tell the two apart, and
    `datasets` can measure, and so write, no column of nothing but null lists of JSON. A list of
    numbers, token ids that is, stays null: no ids are another thing than none of them.
    """
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return kind.wrap_array(array)
    if pa.types.is_struct(kind):
        children = [_as_type(array.field(n), field.type) for n, field in enumerate(kind)]
        mask = array.is_null() if array.null_count else None
        return pa.StructArray.from_arrays(children, fields=list(kind), mask=mask)
    if pa.types.is_list(kind):
        if pa.types.is_integer(kind.value_type):
            return array
        values = _as_type(array.values, kind.value_type)
        return pa.ListArray.from_arrays(array.offsets, values, type=kind)
    return array
