"""Messages as people have them, brought to what a chat template reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cb_datasets.errors import FormatError
from cb_datasets.formats.calls import ToolCall

ROLES = ("system", "user", "assistant", "tool", "ipython")

# Stands where a message with several calls goes: the template would refuse it. The characters
# are noncharacters of Unicode, which no text that is interchanged may hold.
_PLACE = "\ufdd0{number}\ufdd1"


@dataclass(frozen=True, slots=True)
class ParallelCalls:
    """A message of the history with several calls."""

    content: str
    calls: tuple[ToolCall, ...]


def template_messages(
    messages: Sequence[Mapping[str, Any]],
    *,
    several: bool = False,
) -> tuple[list[dict[str, Any]], dict[str, ParallelCalls]]:
    """Messages fit for the template, and those it refuses by the text that stands in for them.

    Empty `tool_calls` are dropped, arguments that are JSON text are decoded, text parts are
    joined, and a message with several calls is replaced by a place holder, unless the template
    writes `several`.

    Raises:
        FormatError: A message does not fit the format; the sentence names it by its number.

    Example:
        >>> template_messages([{"role": "user", "content": "Hi", "tool_calls": None}])[0]
        [{'role': 'user', 'content': 'Hi'}]
    """
    if not messages:
        raise FormatError("there are no messages; a prompt needs at least one")
    ready: list[dict[str, Any]] = []
    parallel: dict[str, ParallelCalls] = {}
    for number, message in enumerate(messages, start=1):
        role = message.get("role") if isinstance(message, Mapping) else None
        where = f"message {number} ({role})"
        if role not in ROLES:
            raise FormatError(f"{where}: its role must be one of {', '.join(ROLES)}")
        made = message.get("tool_calls")
        if made:
            if not isinstance(made, (list, tuple)):
                raise FormatError(f"{where}: its tool_calls must be a list")
            calls = [_call(item, where) for item in made]
            if several or len(calls) == 1:
                ready.append(
                    {
                        "role": role,
                        "content": _text(message.get("content") or "", where),
                        "tool_calls": [
                            {
                                "type": "function",
                                "function": {"name": call.name, "arguments": call.arguments},
                            }
                            for call in calls
                        ],
                    }
                )
                continue
            place = _PLACE.format(number=number)
            parallel[place] = ParallelCalls(
                _text(message.get("content") or "", where), tuple(calls)
            )
            ready.append({"role": "assistant", "content": place})
            continue
        content = message.get("content")
        if role not in ("tool", "ipython") or isinstance(content, str):
            content = _text(content, where)
        # Templates call it tool; Llama's alone knows both words.
        ready.append({"role": "tool" if role == "ipython" else role, "content": content})
    return ready, parallel


def joined_text(content: Any) -> Any:
    """A message's content, text parts as one text.

    Example:
        >>> joined_text([{"type": "text", "text": "Hi "}, {"type": "text", "text": "there"}])
        'Hi there'
    """
    if isinstance(content, list) and all(
        isinstance(part, Mapping) and isinstance(part.get("text"), str) for part in content
    ):
        return "".join(part["text"] for part in content)
    return content


def _text(content: Any, where: str) -> str:
    content = joined_text(content)
    if not isinstance(content, str):
        raise FormatError(f"{where}: its content must be text, not {type(content).__name__}")
    if "\ufdd0" in content or "\ufdd1" in content:
        raise FormatError(f"{where}: its content holds U+FDD0 or U+FDD1, which are no characters")
    return content


def _call(item: Any, where: str) -> ToolCall:
    function = item.get("function", item) if isinstance(item, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(name, str):
        raise FormatError(f"{where}: a tool call must have a function with a name")
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            arguments = None
    if arguments is None:
        arguments = {} if function.get("arguments") is None else None
    if not isinstance(arguments, Mapping):
        raise FormatError(f"{where}: arguments of {name} must be a JSON object")
    return ToolCall(name, dict(arguments))


def half_surrogate(messages: Sequence[Mapping[str, Any]]) -> str:
    """The message that holds half a surrogate pair, by number, or where else it stands.

    Example:
        >>> half_surrogate([{"role": "user", "content": "\\ud800"}])
        'message 1 (user)'
    """
    for number, message in enumerate(messages, start=1):
        try:
            json.dumps(message, ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError:
            return f"message {number} ({message['role']})"
    return "a tool schema"
