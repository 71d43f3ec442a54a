"""Calls that stand in the arguments of another call, as an object or as its JSON text.

In: arguments. Out: names and arguments of the calls in them, outermost first. Whether anybody would
execute them is not for this module to say.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

_NAMES = (
    *("name", "tool", "tool_name", "toolName", "function", "function_name", "functionName"),
    *("recipient_name", "action", "method", "operation"),
)
_ARGUMENTS = (
    *("arguments", "args", "parameters", "params", "input", "tool_input", "tool_arguments"),
    *("action_input", "kwargs", "payload"),
)
_MAX_DEPTH = 16
_MAX_CALLS = 64


def calls_within(arguments: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The calls that an argument, or something in it, has the form of.

    Example:
        >>> text = '{"name": "pay", "arguments": "{\\\\"to\\\\": \\\\"US133\\\\"}"}'
        >>> list(calls_within({"request": text}))
        [('pay', {'to': 'US133'})]
    """
    waiting = deque([(arguments, 0)])
    found = 0
    while waiting and found < _MAX_CALLS:
        value, depth = waiting.popleft()
        held = decoded(value)
        if depth > _MAX_DEPTH or not isinstance(held, (Mapping, list, tuple)):
            continue
        if isinstance(held, Mapping):
            call = _call(held)
            if call is not None:
                found += 1
                yield call
        inner = held.values() if isinstance(held, Mapping) else held
        waiting += [(item, depth + 1) for item in inner]


def decoded(value: Any) -> Any:
    """A value, or, where it is JSON text of an object or a list, what it is the text of.

    Example:
        >>> decoded('{"n": 1}'), decoded("{n}")
        ({'n': 1}, '{n}')
    """
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return json.loads(value, strict=False)
    except (ValueError, RecursionError):
        return value


def _call(held: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    name = next((held[key] for key in _NAMES if isinstance(held.get(key), str)), None)
    if name is None:
        return None
    for key in _ARGUMENTS:
        arguments = decoded(held.get(key))
        if isinstance(arguments, Mapping):
            return name, arguments
    return name, {}
