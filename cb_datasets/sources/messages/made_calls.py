"""The calls that messages make, held against the calls that a row describes.

In: messages as `chat_messages` gives them, patterns, and the tools on offer. Out: whether a message
makes one of the calls, and which of them nobody has made yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cb_datasets.judge.call_patterns import call_matches
from cb_datasets.judge.offered_tools import NO_TOOLS, OfferedTools
from cb_datasets.records import CallPattern, ToolCall
from cb_datasets.sources.messages.chat_messages import message_calls


def makes_call(
    message: dict[str, Any], patterns: Sequence[CallPattern], tools: OfferedTools = NO_TOOLS
) -> bool:
    """Whether a message makes a call that one of the patterns describes.

    Example:
        >>> send = CallPattern(name="send", arguments={})
        >>> makes_call({"role": "user", "content": "Send it."}, [send])
        False
    """
    return any(
        call_matches(pattern, call["name"], call["arguments"], tools)
        for call in message_calls(message)
        for pattern in patterns
    )


def calls_not_made(
    patterns: Iterable[CallPattern], calls: Iterable[ToolCall], tools: OfferedTools = NO_TOOLS
) -> list[CallPattern]:
    """The patterns that are left when each call has taken the first one it meets with it.

    Example:
        >>> twice = [CallPattern(name="send", arguments={})] * 2
        >>> calls_not_made(twice, [ToolCall(name="send", arguments={"to": "a"})])
        [{'name': 'send', 'arguments': {}}]
    """
    left = list(patterns)
    for call in calls:
        met = (p for p in left if call_matches(p, call["name"], call["arguments"], tools))
        made = next(met, None)
        if made is not None:
            left.remove(made)
    return left


def exact_pattern(name: str, arguments: Mapping[str, Any]) -> CallPattern:
    """The pattern that this very call meets, and another one of the tool does not.

    Example:
        >>> exact_pattern("send", {"to": "a"})
        {'name': 'send', 'arguments': {'to': {'equals': 'a'}}}
    """
    conditions = {parameter: {"equals": value} for parameter, value in arguments.items()}
    return CallPattern(name=name, arguments=conditions)
