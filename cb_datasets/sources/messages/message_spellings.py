"""Conversations in the spellings of other families, to OpenAI messages.

In: a conversation as ShareGPT, Anthropic, LangChain, an older OpenAI API or a JSON column spell it.
Out: OpenAI-style messages for `chat_messages` to make uniform. What is not understood is left as it
is, so that there is one place that refuses it.
"""

from __future__ import annotations

import json
from typing import Any

from cb_datasets.formats.parse import parse_completion
from cb_datasets.sources.files.nested_json import decode_nested

_ROLE_NAMES = {
    **dict.fromkeys(("developer",), "system"),
    **dict.fromkeys(("human",), "user"),
    **dict.fromkeys(("gpt", "chatgpt", "model", "ai", "bot"), "assistant"),
    **dict.fromkeys(("function", "ipython", "observation"), "tool"),
    **dict.fromkeys(("function_response", "tool_response", "tool_result"), "tool"),
}

_CALL_ROLES = ("function_call", "tool_call")

_THOUGHTS = ("thinking", "redacted_thinking")


def openai_messages(raw: Any) -> Any:
    """The messages of a conversation in another spelling, as `chat_messages` takes them.

    Known are JSON text of the whole list; ShareGPT (`from`, `value`, with `function_call` and
    `observation`), whose turns of the assistant that follow each other are one message; Anthropic's
    content parts (`tool_use`, `tool_result`, and thoughts, which are left out); other names of the
    roles; calls without a function object, as JSON text, or as the older `function_call`; results
    of tools that are no text, which become JSON.

    Args:
        raw: The upstream conversation.

    Returns:
        OpenAI-style messages; what is not understood is left for `chat_messages` to refuse.

    Raises:
        ValueError: With one sentence, if a text that should be JSON is not.

    Example:
        >>> openai_messages([{"from": "human", "value": "Add 1 and 2."},
        ...                  {"from": "gpt", "value": "I add them."},
        ...                  {"from": "function_call", "value": '{"name": "add"}'}])[1]
        {'role': 'assistant', 'content': 'I add them.', 'tool_calls': [{'function': \
{'name': 'add', 'arguments': {}}}]}
        >>> openai_messages([{"role": "user", "content": [
        ...     {"type": "tool_result", "tool_use_id": "1", "content": "3"}]}])
        [{'role': 'tool', 'content': '3'}]
    """
    if isinstance(raw, str):
        raw = decode_nested(raw, "messages")
    if not isinstance(raw, list):
        return raw
    messages: list[Any] = []
    for number, item in enumerate(raw):
        if not isinstance(item, dict):
            messages.append(item)
            continue
        for part in _without_call_parts(item, raw[number - 1] if number else None):
            message = _openai_message(part, f"message {number}")
            if "role" not in item and messages and _is_said(messages[-1]) and _is_said(message):
                message = _joined(messages.pop(), message)
            messages.append(message)
    return messages


def _is_said(message: Any) -> bool:
    """Whether a turn can be joined with another of the same assistant."""
    return (
        isinstance(message, dict)
        and message.get("role") == "assistant"
        and isinstance(message.get("content"), str)
        and isinstance(message.get("tool_calls", []), list)
    )


def _joined(first: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    content = "\n".join(filter(None, (first["content"], then["content"])))
    calls = [*first.get("tool_calls", ()), *then.get("tool_calls", ())]
    return _message("assistant", content, calls)


def _message(role: str, content: Any, calls: Any) -> dict[str, Any]:
    message = {"role": role, "content": content}
    return {**message, "tool_calls": calls} if calls else message


def _without_call_parts(raw: dict[str, Any], before: Any) -> list[dict[str, Any]]:
    """A message of Anthropic's with calls and results where OpenAI has them; others as they are."""
    role, parts = _role(raw), raw.get("content")
    if not isinstance(parts, list):
        return [raw]
    if role == "assistant":
        kept = _parts_but(parts, "tool_use", *_THOUGHTS)
        # LangChain keeps the calls in both places.
        calls = raw.get("tool_calls") or _parts(parts, "tool_use")
        return [{**raw, "content": kept, "tool_calls": calls}] if len(kept) < len(parts) else [raw]
    results = _parts(parts, "tool_result")
    if not results:
        return [raw]
    messages = [
        {"role": "tool", "content": part.get("content")} for part in _in_order(results, before)
    ]
    kept = _parts_but(parts, "tool_result")
    return [*messages, {**raw, "content": kept}] if kept else messages


def _parts(parts: list[Any], *kinds: str) -> list[dict[str, Any]]:
    return [part for part in parts if isinstance(part, dict) and part.get("type") in kinds]


def _parts_but(parts: list[Any], *kinds: str) -> list[Any]:
    return [part for part in parts if not (isinstance(part, dict) and part.get("type") in kinds)]


def _in_order(results: list[dict[str, Any]], before: Any) -> list[dict[str, Any]]:
    """Results in the order of the calls, as they are known by once their ids are gone."""
    content = before.get("content") if isinstance(before, dict) else None
    calls = _parts(content, "tool_use") if isinstance(content, list) else []
    ids = [call.get("id") for call in calls]

    def place(result: dict[str, Any]) -> int:
        name = result.get("tool_use_id")
        return ids.index(name) if name in ids else len(ids)

    return sorted(results, key=place)


def _role(raw: dict[str, Any]) -> Any:
    role = raw.get("role") if raw.get("role") is not None else raw.get("from")
    if not isinstance(role, str):
        return role
    role = role.strip().lower()
    return _ROLE_NAMES.get(role, role)


def _openai_message(raw: dict[str, Any], where: str) -> dict[str, Any]:
    role = _role(raw)
    content = raw.get("content") if raw.get("content") is not None else raw.get("value")
    if not isinstance(role, str):
        return {**raw, "role": role}
    if role in _CALL_ROLES:
        return _message("assistant", "", _named_calls(content, where))
    if role == "tool" and not _is_text(content):
        content = json.dumps(content, ensure_ascii=False)
    if role == "assistant" and content is None:
        content = ""
    message = _message(role, content, _openai_calls(raw, where))
    return {**message, "error": raw["error"]} if raw.get("error") else message


def _is_text(content: Any) -> bool:
    if isinstance(content, list):
        return all(isinstance(p, str) or (isinstance(p, dict) and "type" in p) for p in content)
    return content is None or isinstance(content, str)


def _openai_calls(raw: dict[str, Any], where: str) -> Any:
    calls = raw.get("tool_calls") or raw.get("function_call")
    if isinstance(calls, str):
        calls = decode_nested(calls, f"tool_calls of {where}")
    if isinstance(calls, dict):
        calls = [calls]
    return [_openai_call(call, where) for call in calls] if isinstance(calls, list) else calls


def _named_calls(content: Any, where: str) -> list[Any]:
    """The calls of a ShareGPT turn: JSON, or the dialects that a completion may be in."""
    made = content
    if isinstance(content, str):
        try:
            made = decode_nested(content, where)
        except ValueError:
            made = [
                {"name": call.name, "arguments": call.arguments}
                for call in parse_completion(content).calls
            ]
    calls = made if isinstance(made, list) else [made]
    if not calls or not all(isinstance(call, dict) for call in calls):
        raise ValueError(f"{where} is a function call that is not JSON with a name and arguments")
    return [_openai_call(call, where) for call in calls]


def _openai_call(raw: Any, where: str) -> Any:
    if not isinstance(raw, dict):
        return raw
    function = raw.get("function")
    named = function if isinstance(function, dict) else raw
    name = function if isinstance(function, str) else named.get("name")
    spellings = (named.get(key) for key in ("arguments", "args", "parameters", "input"))
    arguments: Any = next((given for given in spellings if given is not None), {})
    if isinstance(arguments, str):
        arguments = decode_nested(arguments, f"{where}: arguments") if arguments.strip() else {}
    return {"function": {"name": name, "arguments": arguments}}
