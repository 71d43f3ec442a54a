"""From a record to the JSON Schema of its rows, and to what people read of its columns."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from typing import Any

from typing_extensions import is_typeddict

from cb_datasets.schema.columns import Column, JsonObject, record_columns

_SCALARS = {str: "string", bool: "boolean", int: "integer", float: "number"}


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


def _json_schema(kind: Any) -> dict[str, Any]:
    if kind == JsonObject:
        return {"type": "object"}
    if is_typeddict(kind):
        return record_json_schema(kind)
    if typing.get_origin(kind) is list:
        return {"type": "array", "items": _json_schema(typing.get_args(kind)[0])}
    return {"type": _SCALARS[kind]}


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
