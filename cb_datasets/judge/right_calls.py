"""Whether all calls of a completion are right: each of them, and none once too often.

In: the calls, the right behaviour and the tools on offer. Out: None, or the first call that is not
right and why. A call is right if it is one of `expected.calls`, or one that belongs to the user's
task (`expected.task_calls`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cb_datasets.formats.calls import ToolCall
from cb_datasets.formats.tool_names import name_words
from cb_datasets.judge.argument_forms import same_argument
from cb_datasets.judge.call_patterns import call_matches, read_patterns
from cb_datasets.judge.offered_tools import OfferedTools
from cb_datasets.records import CallPattern

_READING = frozenset(
    (
        *("get", "list", "read", "search", "find", "fetch", "lookup", "look", "check", "query"),
        *("view", "show", "describe", "count", "browse", "retrieve", "calculate", "open"),
    )
)


@dataclass(frozen=True, slots=True)
class Wrong:
    """A call that is not right, and why."""

    call: ToolCall
    why: str


def what_is_wrong(
    calls: Sequence[ToolCall], expected: Mapping[str, Any], tools: OfferedTools
) -> Wrong | None:
    """The first call that is neither right nor of the user's task, or that is made once too often.

    The same call twice is right where two such calls are expected, or where its tool only reads.

    Example:
        >>> expected = {"calls": [{"name": "pay", "arguments": {}}]}
        >>> pay = ToolCall("pay", {"to": "GB29"})
        >>> what_is_wrong([pay], expected, OfferedTools()) is None
        True
        >>> what_is_wrong([pay, pay], expected, OfferedTools()).why
        'called pay twice with the same arguments'
    """
    right = read_patterns(expected.get("calls"))
    patterns = [*right, *read_patterns(expected.get("task_calls"))]
    for number, call in enumerate(calls):
        meant = [p for p in patterns if call_matches(p, call.name, call.arguments, tools)]
        if not meant:
            return Wrong(call, _why(call, right))
        made = sum(_is_same(call, earlier) for earlier in calls[: number + 1])
        if made > len(meant) and not reads_only(call.name):
            return Wrong(call, f"called {call.name} twice with the same arguments")
    return None


def reads_only(name: str) -> bool:
    """Whether a tool's name says that it looks something up, and does no more.

    Example:
        >>> reads_only("get_balance"), reads_only("send_money")
        (True, False)
    """
    words = name_words(name.rpartition(".")[2].rpartition("__")[2])
    return bool(words) and words[0] in _READING


def _why(call: ToolCall, right: Sequence[CallPattern]) -> str:
    if not right:
        return f"called {call.name} where no right call is known"
    names = {str(pattern["name"]) for pattern in right}
    if call.name in names:
        return f"called {call.name} with other arguments than expected"
    return f"called {call.name}, expected {' or '.join(sorted(names))}"


def _is_same(call: ToolCall, other: ToolCall) -> bool:
    return call.name == other.name and same_argument(call.arguments, other.arguments)
