"""Calls that stand in the text of an assistant's message, where a log has no field for them.

In: a message as `chat_messages` gives it. Out: the same message with its calls beside the text, as
the judge would read them, so that no call of an attacker goes unseen in a history.
"""

from __future__ import annotations

import re
from typing import Any

from cb_datasets.formats.parse import parse_completion
from cb_datasets.formats.spoken_format import spoken_format
from cb_datasets.formats.tool_names import Tools

_CALL_TAG = re.compile(r"\s{0,9}</?tool_call>\s{0,9}")


def assistant_message(message: dict[str, Any], tools: Tools | None = None) -> dict[str, Any]:
    """A message as the judge would read it, so that no call hides in its text.

    Args:
        message: A message that `chat_messages` returned. An assistant's text is read in the format
            that its control tokens tell, in Llama 3.1's dialects where they tell none; control
            tokens are left out.
        tools: The tools on offer, where the log says.

    Returns:
        The message; as it is, where it is another's or has its calls beside the text.

    Example:
        >>> text = 'I look.<tool_call>{"name": "look", "arguments": {}}</tool_call>'
        >>> assistant_message({"role": "assistant", "content": text})["content"]
        'I look.'
    """
    content = message["content"]
    if message["role"] != "assistant" or "tool_calls" in message:
        return message
    known = spoken_format(content)
    parsed = parse_completion(content, tools=tools, format=known)
    if not parsed.calls and (parsed.problems or known is None):
        return message
    # The parser reads the call and leaves the tags of another family where they are.
    said = _CALL_TAG.sub("\n", parsed.content).strip() if parsed.calls else parsed.content
    read: dict[str, Any] = {"role": "assistant", "content": said + (parsed.code or "")}
    if parsed.calls:
        read["tool_calls"] = [
            {"type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in parsed.calls
        ]
    return read


def is_raw_completion(message: dict[str, Any]) -> bool:
    """Whether a message is a model's own text, which control tokens give away.

    Example:
        >>> is_raw_completion({"role": "assistant", "content": "Hello.<|eot_id|>"})
        True
    """
    said = message["role"] == "assistant" and "tool_calls" not in message
    return said and spoken_format(message["content"]) is not None
