"""The schemas of the tools on offer: as upstream spells them, or guessed from the calls made.

In: upstream's list of tools, or, where it records calls and no tools, the calls. Out: OpenAI
function schemas. A guessed one is weak evidence: it names the parameters that were seen and the
kinds of value they held, and no more. It says nothing of descriptions, choices or parameters that
nobody used, and a wrong call shapes it like a right one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cb_datasets.records import ToolCall
from cb_datasets.sources.files.nested_json import decode_nested, looks_like_json

_NUMBERS = {"integer", "number"}


def tool_schemas(raw: Any) -> list[dict[str, Any]] | None:
    """The tools on offer, in the many spellings they come in.

    Args:
        raw: A list, or the JSON text of one, of OpenAI schemas or of bare functions (`name`,
            `description`, and `parameters` or `input_schema`); or null. Null members of a schema
            are left out: a table gives all schemas of a column the members of each.

    Returns:
        OpenAI function schemas; None where nothing is said of tools.

    Raises:
        ValueError: With one sentence, if these are no tools.

    Example:
        >>> tool_schemas('[{"name": "wait", "parameters": {"type": "object"}}]')
        [{'type': 'function', 'function': {'name': 'wait', 'parameters': {'type': 'object'}}}]
    """
    if isinstance(raw, str):
        if not raw.strip():
            return None
        raw = decode_nested(raw, "tools")
    if raw is None:
        return None
    if not isinstance(raw, list):
        raise ValueError(f"tools is {type(raw).__name__}, expected a list")
    return [_tool_schema(tool, number) for number, tool in enumerate(raw)]


def offered_tools(raw: Any, calls: Sequence[ToolCall]) -> list[dict[str, Any]]:
    """The tools on offer (see `tool_schemas`), guessed from the calls where none are given.

    Raises:
        ValueError: If these are no tools.

    Example:
        >>> wait = ToolCall(name="wait", arguments={})
        >>> [t["function"]["name"] for t in offered_tools(None, [wait])]
        ['wait']
        >>> offered_tools([], [wait])
        []
    """
    tools = tool_schemas(raw)
    if tools is not None:
        return tools
    return [inferred_schema(name, calls) for name in dict.fromkeys(call["name"] for call in calls)]


def inferred_schema(name: str, calls: Sequence[ToolCall]) -> dict[str, Any]:
    """The schema that the arguments seen suggest.

    Args:
        name: Name of the tool.
        calls: Calls of which those of this tool count.

    Returns:
        An OpenAI function schema. A parameter is required if every call gave it; its type is left
        out where it held null only. Without calls of the tool it has no parameters.

    Example:
        >>> schema = inferred_schema("wait", [ToolCall(name="wait", arguments={"minutes": 5})])
        >>> schema["function"]["parameters"]["properties"]
        {'minutes': {'type': 'integer'}}
        >>> schema["function"]["parameters"]["required"]
        ['minutes']
    """
    seen = [call["arguments"] for call in calls if call["name"] == name]
    values: dict[str, list[Any]] = {}
    for arguments in seen:
        for parameter, value in arguments.items():
            values.setdefault(parameter, []).append(value)
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": "",
            "parameters": {
                "type": "object",
                "properties": {parameter: _schema(held) for parameter, held in values.items()},
                "required": [name for name, held in values.items() if len(held) == len(seen)],
            },
        },
    }


def without_filling(
    messages: list[dict[str, Any]], tools: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Messages without the null arguments that a call's tool does not have.

    A table gives all calls of a column the arguments of each. Where the tool is not known, or has
    such a parameter, a null is what the model wrote.
    """
    known = {t["function"]["name"]: t["function"].get("parameters") or {} for t in tools}
    for message in messages:
        for call in message.get("tool_calls", ()):
            function = call["function"]
            parameters = known.get(function["name"], {}).get("properties")
            if isinstance(parameters, dict):
                function["arguments"] = {
                    name: value
                    for name, value in function["arguments"].items()
                    if value is not None or name in parameters
                }
    return messages


def _tool_schema(raw: Any, number: int) -> dict[str, Any]:
    if looks_like_json(raw):
        raw = decode_nested(raw, f"tool {number}")
    function = raw.get("function") if isinstance(raw, dict) else None
    if function is None:
        function = raw
    if not isinstance(function, dict):
        raise ValueError(f"tool {number} is no object with the name of a function")
    function = {k: v for k, v in _without_nulls(function).items() if k != "type"}
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError(f"tool {number} has no name")
    if "parameters" not in function and "input_schema" in function:
        function["parameters"] = function.pop("input_schema")
    if not isinstance(function.get("parameters", {}), dict):
        raise ValueError(f"parameters of the tool {name} is no object")
    return {"type": "function", "function": function}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _schema(values: Sequence[Any]) -> dict[str, Any]:
    kinds = list(dict.fromkeys(kind for value in values if (kind := _kind(value)) is not None))
    if _NUMBERS.issuperset(kinds) and len(kinds) > 1:
        kinds = ["number"]
    if not kinds:
        return {}
    schema: dict[str, Any] = {"type": kinds[0] if len(kinds) == 1 else sorted(kinds)}
    if kinds == ["array"]:
        items = _schema([item for value in values if isinstance(value, list) for item in value])
        return {**schema, "items": items} if items else schema
    return schema


def _kind(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, (list, tuple)) else "object"
