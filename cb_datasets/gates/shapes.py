"""Whether a row has the shape it must have: the library's own, or the specification's minimal one.

In: a row as a dict. Out: None, or one sentence that names the field and what is wrong with it.
The schemas are compiled once per process.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from typing_extensions import is_typeddict

from cb_datasets.quoting import printable, quoted
from cb_datasets.records import SET_RECORDS
from cb_datasets.schema import Record, record_columns, record_json_schema

SET_NAMES = {"ds": "circuit_breaker", "dr": "retain", "pairs": "pairs", "eval": "eval"}
"""What rows of a set say in their field `set`."""

MINIMAL_ROWS = "no rows in the library's shape: there are none, or they hold too little for it"
"""Why a gate beyond the five is not run."""

NO_TOKENIZER = "no tokenizer: the rows were built without one and hold no token ids"
"""Why a gate of token ids is not run."""

_INT64, _UINT64 = -(2**63), 2**64
_TEXT = {"type": "string"}
_MAYBE_TEXT = {"type": ["string", "null"]}
_FLAG = {"type": "boolean"}


def _object(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> Any:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
    }


_MINIMAL_ROW = {
    "id": _TEXT,
    "split": _TEXT,
    "set": _TEXT,
    "messages": {"type": "array", "items": {"type": "object"}},
    "assistant_raw": _TEXT,
    "tool_calls_structured": {
        "type": "array",
        "items": _object({"name": _TEXT, "arguments": {"type": "object"}}),
    },
}
_MINIMAL = {
    # A row of the specification may carry more fields, never fewer; nulls are left out in JSONL.
    "ds": _object(
        {
            **_MINIMAL_ROW,
            "labels": _object(
                {"is_harmful": _FLAG, "harm_type": _TEXT, "observed_tool": _TEXT},
                {"expected_tool": _MAYBE_TEXT},
            ),
            "provenance": _object(
                {"source_dataset": _TEXT, "record_id": _TEXT},
                {
                    "generator_model": _MAYBE_TEXT,
                    "temperature": {"type": ["number", "null"]},
                    "timestamp": _MAYBE_TEXT,
                },
            ),
        }
    ),
    "dr": _object(
        {
            **_MINIMAL_ROW,
            "labels": _object(
                {"is_harmful": _FLAG, "is_refusal": _FLAG, "is_correct_tool_use": _FLAG}
            ),
        }
    ),
}


def has_library_shape(row: Mapping[str, Any], set_name: str) -> bool:
    """Whether a row is to be held to the library's record, and not to the minimal one.

    The mark is `expected`, the right behaviour: of rows for training only this library's carry it.
    """
    return set_name in ("pairs", "eval", "rejected") or row.get("expected") is not None


def shape_problem(row: Mapping[str, Any], set_name: str) -> str | None:
    """What is wrong with the shape of a row, or None.

    Args:
        row: The row.
        set_name: "ds", "dr", "pairs" or "eval".

    Example:
        >>> shape_problem({"id": "a", "split": "train"}, "dr")
        "'set' is a required property"
    """
    validator = _validator(set_name, has_library_shape(row, set_name))
    error = next(iter(validator.iter_errors(dict(row))), None)
    if error is not None:
        where = printable(".".join(map(str, error.absolute_path)))
        return printable(f"{where}: {error.message}" if where else error.message, 200)
    if row["set"] != SET_NAMES[set_name]:
        return f"set: {quoted(row['set'])} in {set_name}, expected '{SET_NAMES[set_name]}'"
    return None


def library_row(row: Mapping[str, Any], record: type[Record]) -> Record:
    """A row from outside with every column of a record, as a table would give it.

    What the row leaves out is null, and so is all of an object that is not there. Unless
    `shape_problem` has looked at the row, its values may still be of any type.

    Example:
        >>> from cb_datasets.records import ToolCall
        >>> library_row({"name": "pay"}, ToolCall)
        {'name': 'pay', 'arguments': None}
    """
    found: Any = {name: row.get(name) for name in _names(record)}
    for name, inner, nullable in _inner_records(record):
        value = found[name]
        if not (value is None and nullable):
            found[name] = library_row(value if isinstance(value, Mapping) else {}, inner)
    return cast("Record", found)


@cache
def _names(record: type) -> tuple[str, ...]:
    return tuple(column.name for column in record_columns(record))


@cache
def _inner_records(record: type) -> tuple[tuple[str, type[Mapping[str, Any]], bool], ...]:
    columns = record_columns(record)
    return tuple((c.name, c.kind, c.nullable) for c in columns if is_typeddict(c.kind))


@cache
def _validator(set_name: str, library_shape: bool) -> Any:
    schema = record_json_schema(SET_RECORDS[set_name]) if library_shape else _MINIMAL[set_name]
    return _RowValidator(schema)


def _items(validator: Any, items: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    # Token ids are thousands of integers a row: one error object each would take most of the run.
    if (
        items == {"type": "integer"}
        and isinstance(instance, list)
        and all(type(item) is int for item in instance)
    ):
        return
    yield from Draft202012Validator.VALIDATORS["items"](validator, items, instance, schema)


def _type(validator: Any, types: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if types == "object" and "properties" not in schema and holds_wide_integers(instance):
        return
    yield from Draft202012Validator.VALIDATORS["type"](validator, types, instance, schema)


_RowValidator = extend(Draft202012Validator, {"items": _items, "type": _type})  # type: ignore[no-untyped-call]


def holds_wide_integers(value: object) -> bool:
    """Whether a value is a JSON object that a `Json()` column gave back as text.

    `datasets` does so for objects with integers that do not fit 64 bits.

    Example:
        >>> holds_wide_integers('{"n": 36893488147419103232}'), holds_wide_integers('{"n": 3}')
        (True, False)
    """
    if not (isinstance(value, str) and value.startswith("{")):
        return False
    wide = False

    def read_integer(digits: str) -> int:
        nonlocal wide
        number = int(digits)
        wide = wide or not _INT64 <= number < _UINT64
        return number

    try:
        return isinstance(json.loads(value, parse_int=read_integer), dict) and wide
    except (ValueError, RecursionError):
        return False
