"""From a dataclass to `datasets.Features`, to a JSON Schema, and to the rows of a dataset.

A record is defined once, as a dataclass; its column types, their JSON Schema and their
documentation all follow from the field annotations.
"""

from __future__ import annotations

import dataclasses
import json
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Union

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]
    from datasets import Dataset, Features

_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))

_MANY_DIGITS = re.compile(r"\d{19}")
"""A sign of an integer that may not fit 64 bits."""

JsonObject = Annotated[dict[str, Any], "json"]
"""A JSON object of any shape: `Json()` in Features, `{"type": "object"}` in JSON Schema."""

_SCALARS: dict[Any, tuple[str, str]] = {
    str: ("string", "string"),
    bool: ("bool", "boolean"),
    int: ("int64", "integer"),
    float: ("float64", "number"),
}


def doc(
    text: str,
    *,
    choices: Sequence[str] | None = None,
    json_schema: dict[str, Any] | None = None,
    **options: Any,
) -> Any:
    """A dataclass field with a one-line description, and its vocabulary where that is fixed.

    All go into the JSON Schema; the description also into the card. `json_schema` says more of a
    JSON object than its type. `options` are those of `dataclasses.field`.
    """
    metadata: dict[str, Any] = {"doc": text}
    if choices is not None:
        metadata["choices"] = tuple(choices)
    if json_schema is not None:
        metadata["json_schema"] = json_schema
    return dataclasses.field(metadata=metadata, **options)


@cache
def _hints(record: type) -> dict[str, Any]:
    return typing.get_type_hints(record, include_extras=True)


def _without_none(hint: Any) -> tuple[Any, bool]:
    if typing.get_origin(hint) in (Union, types.UnionType):
        inner = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        if len(inner) != 1:
            raise TypeError(f"{hint} is a union of several types; a column has one")
        return inner[0], True
    return hint, False


def _feature(hint: Any) -> Any:
    from datasets import Json, List, Value

    hint, _ = _without_none(hint)
    if hint is JsonObject:
        return Json()
    if dataclasses.is_dataclass(hint):
        return {f.name: _feature(_hints(hint)[f.name]) for f in dataclasses.fields(hint)}  # type: ignore[arg-type]
    if typing.get_origin(hint) is list:
        (item,) = typing.get_args(hint)
        return List(Value("int32") if item is int else _feature(item))
    return Value(_SCALARS[hint][0])


def _json_schema(hint: Any) -> dict[str, Any]:
    hint, nullable = _without_none(hint)
    schema: dict[str, Any]
    if hint is JsonObject:
        schema = {"type": "object"}
    elif dataclasses.is_dataclass(hint):
        schema = record_json_schema(hint)  # type: ignore[arg-type]
    elif typing.get_origin(hint) is list:
        schema = {"type": "array", "items": _json_schema(typing.get_args(hint)[0])}
    else:
        schema = {"type": _SCALARS[hint][1]}
    if nullable:
        schema = {**schema, "type": [schema["type"], "null"]}
    return schema


def record_features(record: type) -> Features:
    """The `datasets.Features` of a record dataclass.

    Example:
        >>> from cb_datasets.records import ToolCall
        >>> sorted(record_features(ToolCall))
        ['arguments', 'name']
    """
    from datasets import Features

    return Features({f.name: _feature(_hints(record)[f.name]) for f in dataclasses.fields(record)})


def record_json_schema(record: type) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a record dataclass.

    A field that may be null may also be absent, since JSONL exports leave nulls out. Fields with
    a fixed vocabulary (metadata `choices`) become an `enum`, lists of them one of their items.
    """
    properties: dict[str, Any] = {}
    required = []
    for f in dataclasses.fields(record):
        hint = _hints(record)[f.name]
        nullable = _without_none(hint)[1]
        schema = _json_schema(hint)
        if (choices := f.metadata.get("choices")) and "items" in schema:
            schema["items"] = {**schema["items"], "enum": list(choices)}
        elif choices:
            schema["enum"] = [*choices, None] if nullable else list(choices)
        schema |= f.metadata.get("json_schema") or {}
        if text := f.metadata.get("doc"):
            schema["description"] = text
        properties[f.name] = schema
        if not nullable:
            required.append(f.name)
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def column_docs(record: type) -> list[tuple[str, str]]:
    """The columns of a record with their one-line descriptions, for cards."""
    return [(f.name, str(f.metadata.get("doc", ""))) for f in dataclasses.fields(record)]


def without_nulls(value: Any, *, keep_inside: Iterable[str] = ()) -> Any:
    """A row without its null fields, as JSONL exports write it.

    Args:
        value: A row, or a part of one.
        keep_inside: Names of fields whose value is left as it is: inside a JSON object
            (a message, a call's arguments, a tool schema) a null is data.
    """
    kept = frozenset(keep_inside)
    if isinstance(value, dict):
        return {
            k: v if k in kept else without_nulls(v, keep_inside=kept)
            for k, v in value.items()
            if v is not None
        }
    if isinstance(value, list):
        return [without_nulls(item, keep_inside=kept) for item in value]
    return value


def stored(value: Any, feature: Any) -> Any:
    """A value as its column stores it, given to `datasets` so that nothing of it is lost.

    JSON is written here and not by `Json()`, whose encoder keeps ten decimals of a float; it takes
    text that is JSON already as it is. What its reader would choke on (an integer of 65 bits) it
    wraps into a JSON string: `exact_rows` and `json_object` read that too.
    """
    return stored_form(feature)(value)


def stored_form(feature: Any, *, of_records: bool = False) -> Callable[[Any], Any]:
    """What turns values of a column into what `stored` gives, made once for many values.

    Args:
        feature: The column's feature.
        of_records: Values are dataclasses and not dicts.
    """
    from datasets import Json, List, Value

    if isinstance(feature, Json):
        return lambda value: None if value is None else _stored_json(value, feature)
    if isinstance(feature, List) and not isinstance(feature.feature, Value):
        item = stored_form(feature.feature, of_records=of_records)
        # `datasets` reads a list of records that is null as an empty one, and cannot save it.
        return lambda value: [item(one) for one in value or ()]
    if isinstance(feature, dict):
        inner = [(n, stored_form(kind, of_records=of_records)) for n, kind in feature.items()]
        if of_records:
            return lambda value: (
                None
                if value is None
                else {name: form(getattr(value, name)) for name, form in inner}
            )
        return lambda value: (
            None if value is None else {name: form(value.get(name)) for name, form in inner}
        )
    return lambda value: value


def _stored_json(value: Any, feature: Any) -> str:
    text = _JSON.encode(value)
    return feature.encode_example(text) if _MANY_DIGITS.search(text) else text


def set_table(rows: list[dict[str, Any]], record: type) -> Dataset:
    """Rows of a record as a `Dataset`, with JSON kept to the last digit.

    Example:
        >>> from cb_datasets.records import ToolCall
        >>> set_table([{"name": "f", "arguments": {"x": 1}}], ToolCall)[0]["arguments"]
        {'x': 1}
    """
    import pyarrow as pa
    from datasets import Dataset, DatasetInfo

    features = record_features(record)
    arrays = [arrow_column([row[name] for row in rows], kind) for name, kind in features.items()]
    table = pa.Table.from_arrays(arrays, schema=features.arrow_schema)
    return Dataset(table, info=DatasetInfo(features=features))


def arrow_column(values: Iterable[Any], feature: Any, *, of_records: bool = False) -> pa.Array:
    """Values as an Arrow array of a feature's type, whatever the values are.

    Args:
        values: The values.
        feature: The column's feature.
        of_records: See `stored_form`.
    """
    import pyarrow as pa
    from datasets import Features

    kind = Features({"column": feature}).arrow_schema.field("column").type
    rows = list(map(stored_form(feature, of_records=of_records), values))
    return _as_type(pa.array(rows, type=_storage(kind)), kind)


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

    A list in a row that is null as a whole becomes empty: nobody can tell the two apart, and
    `datasets` can measure, and so write, no column of nothing but null lists of JSON.
    """
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return kind.wrap_array(array)
    if pa.types.is_struct(kind):
        children = [_as_type(array.field(n), field.type) for n, field in enumerate(kind)]
        mask = array.is_null() if array.null_count else None
        return pa.StructArray.from_arrays(children, fields=list(kind), mask=mask)
    if pa.types.is_list(kind):
        values = _as_type(array.values, kind.value_type)
        return pa.ListArray.from_arrays(array.offsets, values, type=kind)
    return array


def exact_rows(dataset: Dataset) -> Iterator[dict[str, Any]]:
    """The rows of a dataset with its JSON columns read to the last digit.

    Reading through `Json()` rounds floats and turns large integers into text; here the stored
    JSON text is decoded by Python.

    Example:
        >>> from datasets import Dataset, Features, Json
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
