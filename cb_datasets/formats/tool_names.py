"""The names of tools: which are on offer, and which two names mean one tool.

In: OpenAI schemas or names; the name that a call gives. Out: the names on offer, or whether two
names differ in nothing but a namespace and the way they are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from cb_datasets.schema import json_object
from cb_datasets.text_forms import plain_text

Tools: TypeAlias = Iterable[Mapping[str, Any] | str]
"""Tools on offer: OpenAI schemas, bare functions, the JSON text of either, or names."""

_NAMESPACE = re.compile(r"__|[^\w\s-]+")
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+")
# Namespaces that say "this is a tool", and not whose.
_ANY_TOOLS = frozenset(
    ("function", "functions", "tool", "tools", "mcp", "api", "default", "defaultapi")
)


def tool_function(tool: Mapping[str, Any] | str) -> Mapping[str, Any] | None:
    """The function that a tool's schema describes; None where it describes none.

    Example:
        >>> tool_function({"type": "function", "function": {"name": "wait"}})
        {'name': 'wait'}
        >>> tool_function("wait")
        {'name': 'wait'}
    """
    read = _read(tool) if isinstance(tool, str) else tool
    function = read.get("function", read) if isinstance(read, Mapping) else None
    named = isinstance(function, Mapping) and isinstance(function.get("name"), str)
    return function if named else None


@lru_cache(maxsize=512)
def _read(tool: str) -> Any:
    if not tool.lstrip().startswith(("{", '"{')):
        return {"name": tool}
    try:
        return json_object(tool)
    except (ValueError, RecursionError):
        return None


def offered_names(tools: Tools | None) -> frozenset[str]:
    """The names of the tools on offer; none where none are known."""
    found = (tool_function(tool) for tool in tools or ())
    return frozenset(function["name"] for function in found if function is not None)


def on_offer(name: str, offered: frozenset[str]) -> bool:
    """Whether a tool of that name, in some spelling, is on offer, or none is known.

    Example:
        >>> on_offer("waitLonger", frozenset(["wait_longer"])), on_offer("wait", frozenset())
        (True, True)
    """
    return not offered or name in offered or any(same_tool(name, other) for other in offered)


def same_tool(name: str, other: str) -> bool:
    """Whether two names mean one tool, whatever namespace and spelling they are given in.

    Example:
        >>> [same_tool("send_money", n) for n in ("functions.sendMoney", "mcp__bank__send-money")]
        [True, True]
        >>> same_tool("bank.send", "mail.send")
        False
    """
    if name == other:
        return True
    short, long = sorted((_parts(name), _parts(other)), key=len)
    if not short or not long:
        return False
    if long[-len(short) :] == short:
        return True
    one, two = sorted(("".join(short), "".join(long)), key=len)
    # One word is the end of many a name: find and pathfind are two tools.
    return one == two or _ends_with(name_words(name), name_words(other))


def name_words(name: str) -> list[str]:
    """The words of a name, in lower case.

    Example:
        >>> name_words("sendMoney_now")
        ['send', 'money', 'now']
    """
    return [word.casefold() for word in _WORD.findall(_CAPITAL.sub(" ", plain_text(name)))]


def _ends_with(*names: list[str]) -> bool:
    short, long = sorted(names, key=len)
    return len(short) > 1 and long[-len(short) :] == short


def _parts(name: str) -> list[str]:
    """The namespaces of a name and the name itself, each in bare letters."""
    parts = ["".join(name_words(part)) for part in _NAMESPACE.split(name)]
    parts = [part for part in parts if part]
    while len(parts) > 1 and parts[0] in _ANY_TOOLS:
        parts = parts[1:]
    return parts
