"""From a record to `datasets.Features`, to a JSON Schema, and to the rows of a dataset.

A record is defined once, as a `TypedDict`; its column types, their JSON Schema and their
documentation all follow from the annotations of its keys.
"""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar, Union, overload

from typing_extensions import NotRequired, is_typeddict

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]
    from datasets import Dataset, Features

Record = TypeVar("Record", bound=Mapping[str, Any])
"""A record: the type of the rows that have its columns."""

_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))

_MANY_DIGITS = re.compile(r"\d{19}")
"""A sign of an integer that may not fit 64 bits."""

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object of any shape: `Json()` in Features, `{"type": "object"}` in JSON Schema."""

_SCALARS: dict[Any, tuple[str, str]] = {
    str: ("string", "string"),
    bool: ("bool", "boolean"),
    int: ("int64", "integer"),
    float: ("float64", "number"),
}


@dataclass(frozen=True, slots=True)
class Doc:
    """What an annotation says of a column beside its type; see `doc`."""

    text: str = ""
    choices: tuple[str, ...] | None = None
    json_schema: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a record.

    Attributes:
        name: Its name.
        kind: Its type, without `None`.
        nullable: Whether a row may hold a null there.
        required: Whether who makes a row has to say what it holds; what is left out is null.
        doc: What is said of it.
    """

    name: str
    kind: Any
    nullable: bool
    required: bool
    doc: Doc

    def values(self, rows: Iterable[Mapping[str, Any]]) -> list[Any]:
        """What rows hold there; where they leave it out, and may, null."""
        if self.required:
            return [row[self.name] for row in rows]
        return [row.get(self.name) for row in rows]


def doc(
    text: str,
    *,
    choices: Sequence[str] | None = None,
    json_schema: dict[str, Any] | None = None,
) -> Doc:
    """The one-line description of a column, and its vocabulary where that is fixed.

    It stands in the annotation: `name: Annotated[str, doc("Name of the tool.")]`. All go into the
    JSON Schema; the description also into the card. `json_schema` says more of a JSON object than
    its type.
    """
    return Doc(text, None if choices is None else tuple(choices), json_schema or {})


@cache
def record_columns(record: type) -> tuple[Column, ...]:
    """The columns of a record, those of the records it rests on first.

    Example:
        >>> from cb_datasets.records import Scenario
        >>> [column.name for column in record_columns(Scenario) if not column.required]
        ['attack', 'twin_id', 'recorded', 'set_aside', 'probe']
    """
    hints = typing.get_type_hints(record, include_extras=True)
    return tuple(_column(name, hint) for name, hint in hints.items())


def _column(name: str, hint: Any) -> Column:
    required, said = True, Doc()
    while (origin := typing.get_origin(hint)) in (NotRequired, Annotated):
        if origin is NotRequired:
            required = False
        else:
            said = next((item for item in hint.__metadata__ if isinstance(item, Doc)), said)
        hint = typing.get_args(hint)[0]
    kind, nullable = _without_none(hint)
    return Column(name, kind, nullable, required, said)


def _without_none(hint: Any) -> tuple[Any, bool]:
    if typing.get_origin(hint) in (Union, types.UnionType):
        inner = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        if len(inner) != 1:
            raise TypeError(f"{hint} is a union of several types; a column has one")
        return inner[0], True
    return hint, False


def _feature(kind: Any) -> Any:
    from datasets import Json, List, Value

    if kind == JsonObject:
        return Json()
    if is_typeddict(kind):
        return {column.name: _feature(column.kind) for column in record_columns(kind)}
    if typing.get_origin(kind) is list:
        (item,) = typing.get_args(kind)
        return List(Value("int32") if item is int else _feature(item))
    return Value(_SCALARS[kind][0])


def _json_schema(kind: Any) -> dict[str, Any]:
    if kind == JsonObject:
        return {"type": "object"}
    if is_typeddict(kind):
        return record_json_schema(kind)
    if typing.get_origin(kind) is list:
        return {"type": "array", "items": _json_schema(typing.get_args(kind)[0])}
    return {"type": _SCALARS[kind][1]}


def record_features(record: type) -> Features:
    """The `datasets.Features` of a record.

    Example:
        >>> from cb_datasets.records import ToolCall
        >>> sorted(record_features(ToolCall))
        ['arguments', 'name']
    """
    from datasets import Features

    return Features({column.name: _feature(column.kind) for column in record_columns(record)})


def record_json_schema(record: type) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a record.

    A field that may be null may also be absent, since JSONL exports leave nulls out. Fields with
    a fixed vocabulary (`choices`) become an `enum`, lists of them one of their items.
    """
    columns = record_columns(record)
    return {
        "type": "object",
        "properties": {column.name: _column_schema(column) for column in columns},
        "required": [column.name for column in columns if not column.nullable],
        "additionalProperties": False,
    }


def _column_schema(column: Column) -> dict[str, Any]:
    schema, choices = _json_schema(column.kind), column.doc.choices
    if column.nullable:
        schema["type"] = [schema["type"], "null"]
    if choices and "items" in schema:
        schema["items"] = {**schema["items"], "enum": list(choices)}
    elif choices:
        schema["enum"] = [*choices, None] if column.nullable else list(choices)
    return {**schema, **column.doc.json_schema, "description": column.doc.text}


def column_docs(record: type) -> list[tuple[str, str]]:
    """The columns of a record with their one-line descriptions, for cards."""
    return [(column.name, column.doc.text) for column in record_columns(record)]


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


def stored_form(feature: Any) -> Callable[[Any], Any]:
    """What turns values of a column into what `stored` gives, made once for many values.

    What a value of a record leaves out becomes null.
    """
    from datasets import Json, List, Value

    if isinstance(feature, Json):
        return lambda value: None if value is None else _stored_json(value, feature)
    if isinstance(feature, List) and not isinstance(feature.feature, Value):
        item = stored_form(feature.feature)
        return lambda value: None if value is None else [item(one) for one in value]
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
