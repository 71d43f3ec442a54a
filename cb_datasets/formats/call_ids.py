"""Ids of calls, for templates that write them: nine letters or digits each.

In: messages fit for the template, and as they came. Out: the same, each call and each result with
an id. An id that came and is of this shape is kept; the others are numbers, the same each time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

_ID = re.compile(r"[A-Za-z0-9]{9}")


def with_call_ids(
    ready: Sequence[Mapping[str, Any]], given: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Messages whose calls and results have ids; a result without is that of the first call open.

    Args:
        ready: The messages, as `template_messages` gives them.
        given: As they came, with the ids that they had.

    Example:
        >>> call = {"function": {"name": "f", "arguments": {}}}
        >>> asked = {"role": "assistant", "content": "", "tool_calls": [call]}
        >>> messages = [asked, {"role": "tool", "content": "1"}]
        >>> with_call_ids(messages, messages)[1]
        {'role': 'tool', 'content': '1', 'tool_call_id': 'call00001'}
    """
    names: dict[str, str] = {}
    waiting: list[str] = []
    made: list[dict[str, Any]] = []
    used = {_own(call) for message in given for call in message.get("tool_calls") or ()}
    numbers = (name for name in map("call{:05d}".format, count(1)) if name not in used)
    for message, came in zip(ready, given, strict=True):
        message = dict(message)
        if calls := message.get("tool_calls"):
            waiting = []
            message["tool_calls"] = []
            for call, before in zip(calls, came["tool_calls"], strict=True):
                new = _own(before) or next(numbers)
                names[str(before.get("id"))] = new
                waiting.append(new)
                message["tool_calls"].append({**call, "id": new})
        elif message["role"] == "tool":
            told = names.get(str(came["tool_call_id"])) if came.get("tool_call_id") else None
            new = told or (waiting[0] if waiting else next(numbers))
            waiting = [name for name in waiting if name != new]
            message["tool_call_id"] = new
        made.append(message)
    return made


def _own(call: Mapping[str, Any]) -> str | None:
    """The id that a call came with, if it is of the shape."""
    given = call.get("id")
    return given if isinstance(given, str) and _ID.fullmatch(given) else None
