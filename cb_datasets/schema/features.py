"""From a record to the `datasets.Features` of its rows."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from typing_extensions import is_typeddict

from cb_datasets.schema.columns import JsonObject, record_columns

if TYPE_CHECKING:
    from datasets import Features

_SCALARS = {str: "string", bool: "bool", int: "int64", float: "float64"}


def record_features(record: type) -> Features:
    """The `datasets.Features` of a record.

    Example:
        >>> from cb_datasets.records import ToolCall
        >>> sorted(record_features(ToolCall))
        ['arguments', 'name']
    """
    from datasets import Features

    return Features({column.name: _feature(column.kind) for column in record_columns(record)})


def _feature(kind: Any) -> Any:
    from datasets import Json, List, Value

    if kind == JsonObject:
        return Json()
    if is_typeddict(kind):
        return {column.name: _feature(column.kind) for column in record_columns(kind)}
    if typing.get_origin(kind) is list:
        (item,) = typing.get_args(kind)
        return List(Value("int32") if item is int else _feature(item))
    return Value(_SCALARS[kind])
