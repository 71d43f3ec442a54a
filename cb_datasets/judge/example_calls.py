"""From a pattern to a call that matches it.

In: a `CallPattern` as a mapping, and the tools on offer. Out: a call, for prefills that begin with
it and for the oracles of the evaluation, or None where no program can tell what would match.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cb_datasets.formats.calls import ToolCall
from cb_datasets.judge.call_patterns import call_matches
from cb_datasets.judge.offered_tools import read_tools
from cb_datasets.schema import json_object

_OF_TYPE: dict[str, Any] = {
    "string": "x",
    "integer": 1,
    "number": 1,
    "boolean": True,
    "array": [],
    "object": {},
    "null": None,
}


def example_call(
    pattern: Mapping[str, Any], tools: Iterable[Mapping[str, Any]] = ()
) -> ToolCall | None:
    """A call that matches a pattern.

    Required parameters of the tool that the pattern does not name get a value of their type.

    Example:
        >>> example_call({"name": "pay", "arguments": {"to": {"contains": "US133"}}})
        ToolCall(name='pay', arguments={'to': 'US133'})
        >>> example_call({"name": "pay", "arguments": {"to": {"regex": "^US"}}}) is None
        True
    """
    name = pattern["name"]
    offered = read_tools(list(tools))
    parameters = offered.parameters(name) or {}
    properties = parameters.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    arguments: dict[str, Any] = {}
    for parameter, condition in (json_object(pattern["arguments"]) or {}).items():
        found = [condition[k] for k in ("equals", "contains", "example") if k in condition]
        if not found:
            return None
        arguments[parameter] = found[0]
        if "contains" in condition and _type_of(properties.get(parameter)) == "array":
            arguments[parameter] = [found[0]]
    required = parameters.get("required")
    for parameter in required if isinstance(required, list) else []:
        if isinstance(parameter, str) and parameter not in arguments:
            arguments[parameter] = _value(properties.get(parameter))
    read = {**pattern, "arguments": json_object(pattern["arguments"])}
    if not call_matches(read, name, arguments, offered):
        return None
    return ToolCall(name, arguments)


def _type_of(schema: Any) -> str:
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    kind = kind[0] if isinstance(kind, list) and kind else kind
    return kind if isinstance(kind, str) else "string"


def _value(schema: Any) -> Any:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return schema["enum"][0]
        for key in ("default", "const", "minimum"):
            if schema.get(key) is not None:
                return schema[key]
    return _OF_TYPE.get(_type_of(schema), "x")
