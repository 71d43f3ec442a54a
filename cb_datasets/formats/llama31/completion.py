"""The canonical dialect: from prose and calls to the text of a completion."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from cb_datasets.errors import FormatError
from cb_datasets.formats.calls import ToolCall
from cb_datasets.formats.json_calls import MAX_DEPTH, deeper_than
from cb_datasets.formats.llama31.parse import parse_completion
from cb_datasets.formats.llama31.tokens import CONTROL_TOKEN, END_TOKENS, PYTHON_TAG
from cb_datasets.schema import json_object


def call_json(call: ToolCall) -> str:
    """One call as canonical JSON: `{"name": …, "parameters": {…}}`.

    A control token inside a string is written with its `<` escaped, so that the text of a call
    never holds one and reads back to the same value.
    """
    if not call.name:
        raise FormatError("a call has no name")
    try:
        text = json.dumps(
            {"name": call.name, "parameters": call.arguments}, ensure_ascii=False, allow_nan=False
        )
        text.encode()
    except UnicodeEncodeError as error:
        raise FormatError(f"call {call.name!r} holds half a surrogate pair") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise FormatError(f"call {call.name!r} cannot be written as JSON: {error}") from error
    if deeper_than(MAX_DEPTH - 1, call.arguments, text):
        raise FormatError(f"call {call.name!r} nests its arguments too deeply")
    return CONTROL_TOKEN.sub(lambda match: "\\u003c" + match.group()[1:], text)


def _tool_call(call: Mapping[str, Any]) -> ToolCall:
    arguments = call["arguments"]
    if isinstance(arguments, str):
        # OpenAI writes them so, and so a `Json()` column gives what it cannot read.
        try:
            arguments = json_object(arguments)
        except (ValueError, RecursionError):
            raise FormatError(f"the arguments of call {call['name']!r} are not JSON") from None
    if arguments is not None and not isinstance(arguments, Mapping):
        raise FormatError(f"the arguments of call {call['name']!r} are not a JSON object")
    return ToolCall(call["name"], dict(arguments or {}))


def render_completion(
    content: str,
    calls: Iterable[ToolCall | Mapping[str, Any]] = (),
    end: str | None = "eom_id",
) -> str:
    """Write a completion in the canonical dialect of Llama 3.1.

    Args:
        content: Prose before the calls.
        calls: The calls, as `ToolCall` or `{"name": …, "arguments": {…}}`; several are separated
            by `"; "`.
        end: Name of the end token: "eom_id", "eot_id", "end_of_text"; None for none.

    Returns:
        The text; `parse_completion` gives back the same content and calls.

    Raises:
        FormatError: If the content cannot be told from a call or a control token once written,
            a call cannot be written as JSON, or the end token is unknown.

    Example:
        >>> render_completion("", [{"name": "f", "arguments": {"n": 1}}])
        '<|python_tag|>{"name": "f", "parameters": {"n": 1}}<|eom_id|>'
    """
    if end is not None and end not in END_TOKENS:
        raise FormatError(f"unknown end token {end!r}; known are {', '.join(END_TOKENS)}")
    if token := CONTROL_TOKEN.search(content):
        raise FormatError(f"the content holds the control token {token.group()}")
    made = [call if isinstance(call, ToolCall) else _tool_call(call) for call in calls]
    if content:
        read = parse_completion(content)
        if read.calls or read.problems:
            raise FormatError("the content would be read as a tool call")
    text = PYTHON_TAG + "; ".join(map(call_json, made)) if made else ""
    return content + text + (END_TOKENS[end] if end else "")
