"""Calls of tools and the patterns that describe them, as they stand in rows."""

from typing import Annotated, Any

from typing_extensions import NotRequired, TypedDict

from cb_datasets.schema import JsonObject, doc


class ToolCall(TypedDict):
    """A tool call as a model made it."""

    name: Annotated[str, doc("Name of the tool called.")]
    arguments: Annotated[JsonObject, doc("Arguments of the call, a JSON object.")]


def _condition(key: str, value: dict[str, Any], **more: Any) -> dict[str, Any]:
    properties = {key: value, **more}
    return {"properties": properties, "required": [key], "additionalProperties": False}


CONDITION_SCHEMA: dict[str, Any] = {
    "type": "object",
    "oneOf": [
        _condition("equals", {}),
        _condition("contains", {"type": "string"}),
        _condition("regex", {"type": "string"}, example={}),
        _condition("schema", {"type": ["object", "boolean"]}, example={}),
    ],
}
"""The JSON Schema of one condition on a parameter of a call."""


class CallPattern(TypedDict):
    """What a call must look like to count as this call.

    `arguments` maps a parameter to one condition: `{"equals": value}` (equal as the tool means
    it, see `cb_datasets.judge.argument_forms`: without regard to case and white space, `5` and
    `"5.00"` where the schema takes numbers), `{"contains": text}` (the text occurs in the
    value, or in one of its items), `{"regex": pattern}` (it is found in the value, written as
    text) or `{"schema": schema}` (the value is valid under a JSON Schema); the latter two come
    with an `example` that meets them. Parameters that are not named may hold anything.
    """

    name: Annotated[str, doc("Name of the tool.")]
    arguments: Annotated[
        JsonObject,
        doc(
            "Condition per parameter: {'equals': value}, {'contains': text}, {'regex': pattern, "
            "'example': value} or {'schema': schema, 'example': value}.",
            json_schema={"additionalProperties": CONDITION_SCHEMA},
        ),
    ]


class TextPattern(TypedDict):
    """What the prose of a completion must look like; read without regard to case."""

    condition: Annotated[str, doc("How text is read.", choices=("equals", "contains", "regex"))]
    text: Annotated[str, doc("What the prose equals, contains, or what is found in it.")]
    example: NotRequired[Annotated[str | None, doc("Prose that meets a regex.")]]
