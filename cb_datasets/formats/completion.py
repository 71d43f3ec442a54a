"""From prose and calls to the text of a completion, as a format writes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cb_datasets.errors import FormatError
from cb_datasets.formats.calls import ToolCall
from cb_datasets.formats.format import Format
from cb_datasets.formats.json_calls import any_of
from cb_datasets.formats.known import named_format
from cb_datasets.schema import json_object


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
    end: str | None = "",
    *,
    format: Format | str | None = None,
) -> str:
    """Write a completion in the canonical dialect of a format.

    Args:
        content: Prose before the calls.
        calls: The calls, as `ToolCall` or `{"name": …, "arguments": {…}}`.
        end: Name of the end token, such as "eom_id", "eot_id" or "end_of_text" of Llama 3.1; None
            for none, and empty for the format's own behind calls.
        format: The format, or its name; None is Llama 3.1's.

    Returns:
        The text; `parse_completion` gives back the same content and calls.

    Raises:
        FormatError: If the content cannot be told from a call or a control token once written,
            a call cannot be written, or the end token is unknown.

    Example:
        >>> render_completion("", [{"name": "f", "arguments": {"n": 1}}])
        '<|python_tag|>{"name": "f", "parameters": {"n": 1}}<|eom_id|>'
    """
    known = named_format(format)
    if end == "":
        end = known.ends[0]
    if end is not None and end not in known.end_tokens:
        raise FormatError(f"unknown end token {end!r}; known are {', '.join(known.end_tokens)}")
    if token := any_of((*known.control_tokens, *known.markup)).search(content):
        raise FormatError(f"the content holds the control token {token.group()}")
    made = [call if isinstance(call, ToolCall) else _tool_call(call) for call in calls]
    if content and known.write is None:
        read = known.read(known.before_answer + content, None).parsed
        if read.calls or read.problems:
            raise FormatError("the content would be read as a tool call")
    return _written(known, content, made) + (known.end_tokens[end] if end else "")


def _written(known: Format, content: str, calls: list[ToolCall]) -> str:
    syntax = known.calls
    if known.write is not None:
        return known.write(content, calls)
    if not calls:
        return known.before_answer + content
    if len(calls) > 1 and syntax.between is None:
        raise FormatError(f"a completion of {known.title} makes one call, not {len(calls)}")
    prose = syntax.before_prose + content + syntax.behind_prose if content else ""
    between = (syntax.between or "").join(map(syntax.text, calls))
    return prose + syntax.tag + between + syntax.close
