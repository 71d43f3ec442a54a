"""Upstream chat messages, in the many spellings they come in, to the one that scenarios use.

In: a list of OpenAI-style messages (null contents, lists of content parts, arguments as text, ids
that are empty, null or repeated). Out: messages with `role`, `content` and, where there are calls,
`tool_calls`; nothing that a chat template does not know. What is spelled otherwise altogether
(ShareGPT, Anthropic, JSON text) goes through `message_spellings` first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cb_datasets.records import ToolCall

ROLES = ("system", "user", "assistant", "tool")


def chat_messages(raw: Any) -> list[dict[str, Any]]:
    """The messages of an upstream conversation, made uniform.

    Call ids are dropped: upstream they may be empty, null or repeated, and they carry nothing that
    the order does not: tool results follow the turn that made the calls, in the order of the calls.
    Repeated user messages stay, because the model saw them.

    Args:
        raw: The upstream `messages`.

    Returns:
        One message per upstream message, so that positions are kept.

    Raises:
        ValueError: With one sentence, if this is no conversation.

    Example:
        >>> chat_messages([{"role": "assistant", "content": None, "tool_calls": [
        ...     {"id": "", "function": {"name": "f", "arguments": "{\\"n\\": 1}"}}]}])
        [{'role': 'assistant', 'content': '', 'tool_calls': [{'type': 'function', \
'function': {'name': 'f', 'arguments': {'n': 1}}}]}]
    """
    if not isinstance(raw, list):
        raise ValueError(f"messages is {_kind(raw)}, expected a list")
    if not raw:
        raise ValueError("messages is empty, expected at least one message")
    return [_message(message, number) for number, message in enumerate(raw)]


def message_calls(message: dict[str, Any]) -> list[ToolCall]:
    """The calls of a message that `chat_messages` returned.

    Example:
        >>> message_calls({"role": "assistant", "content": "Hello"})
        []
    """
    return [
        ToolCall(name=call["function"]["name"], arguments=call["function"]["arguments"])
        for call in message.get("tool_calls", ())
    ]


def all_calls(messages: Sequence[dict[str, Any]]) -> list[ToolCall]:
    """The calls of several messages, in order.

    Example:
        >>> all_calls([])
        []
    """
    return [call for message in messages for call in message_calls(message)]


def _message(raw: Any, number: int) -> dict[str, Any]:
    where = f"message {number}"
    if not isinstance(raw, dict):
        raise ValueError(f"{where} is {_kind(raw)}, expected an object")
    role = raw.get("role")
    if role not in ROLES:
        raise ValueError(f"{where} has role {role!r}, expected one of {', '.join(ROLES)}")
    content = _text(raw.get("content"), where)
    error = raw.get("error")
    if role == "tool" and not content and error:
        # The model read the error in place of a result.
        content = error if isinstance(error, str) else json.dumps(error)
    message: dict[str, Any] = {"role": role, "content": content}
    calls = raw.get("tool_calls")
    if calls:
        if role != "assistant":
            raise ValueError(f"{where} is a {role} message with tool_calls")
        if not isinstance(calls, list):
            raise ValueError(f"tool_calls of {where} is {_kind(calls)}, expected a list")
        message["tool_calls"] = [_call(call, where) for call in calls]
    return message


def _text(content: Any, where: str) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(_part_text(part, where) for part in content)
    raise ValueError(f"content of {where} is {_kind(content)}, expected text")


def _part_text(part: Any, where: str) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and part.get("type", "text") == "text":
        # OpenAI names the text "text", AgentDojo's own message type "content".
        for key in ("text", "content"):
            if isinstance(part.get(key), str):
                return str(part[key])
    kind = part.get("type") if isinstance(part, dict) else _kind(part)
    raise ValueError(f"content of {where} has a part of type {kind!r}, expected text")


def _call(raw: Any, where: str) -> dict[str, Any]:
    function = raw.get("function") if isinstance(raw, dict) else None
    if not isinstance(function, dict):
        raise ValueError(f"{where} has a tool call without a function object")
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError(f"{where} has a tool call without a name")
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        arguments = _decoded(arguments, f"{where}, call of {name}")
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        raise ValueError(
            f"{where}, call of {name}: arguments is {_kind(arguments)}, expected an object"
        )
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def _decoded(arguments: str, where: str) -> Any:
    if not arguments.strip():
        return {}
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        raise ValueError(f"{where}: arguments is text that is not JSON") from None


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "an object"
