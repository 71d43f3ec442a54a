"""Where in calls that are JSON their names stand.

In: a text, and a stretch of it that is JSON of calls. Out: a span per call. The text is read by the
parser's own rules, so that spans and calls cannot disagree.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from cb_datasets.formats.json_calls import holds_function

CharSpan: TypeAlias = tuple[int, int]
"""First character, and the one behind the last."""

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],]', re.DOTALL)


@dataclass(slots=True)
class _Node:
    """An object or list of a JSON text: the spans of its texts, and what else it holds."""

    is_object: bool
    key: str | None = None
    texts: dict[str, CharSpan] = field(default_factory=dict)
    members: dict[str, Any] = field(default_factory=dict)
    items: list[_Node] = field(default_factory=list)


def json_name_spans(text: str, start: int, end: int) -> list[CharSpan]:
    """The span of the name of each call in a call, or a list of calls, that is JSON.

    Example:
        >>> text = 'He said [{"name": "f"}, {"name": "g"}].'
        >>> [text[a:b] for a, b in json_name_spans(text, 8, len(text) - 1)]
        ['f', 'g']
    """
    root = _tree(text, start, end)
    return [_name(node) for node in ([root] if root.is_object else root.items)]


def _tree(text: str, start: int, end: int) -> _Node:
    """What a text that is known to be JSON holds, as far as names of calls need it."""
    top = _Node(is_object=False)
    open_nodes = [top]
    for match in _TOKENS.finditer(text, start, end):
        piece, node = match.group(), open_nodes[-1]
        if piece in "{[":
            child = _Node(is_object=piece == "{")
            if node.is_object:
                _put(node, child)
            else:
                node.items.append(child)
            open_nodes.append(child)
        elif piece in "}]":
            open_nodes.pop()
        elif piece == ",":
            node.key = None
        elif node.is_object and node.key is None:
            node.key = json.loads(piece, strict=False)
            # A value that is neither text nor object is only known to be there.
            _put(node, None)
        elif node.is_object:
            _put(node, json.loads(piece, strict=False))
            node.texts[str(node.key)] = (match.start() + 1, match.end() - 1)
    return top.items[0]


def _put(node: _Node, value: Any) -> None:
    # A key that comes twice counts as it comes last, as for every reader of JSON.
    key = str(node.key)
    node.texts.pop(key, None)
    node.members[key] = value


def _name(node: _Node) -> CharSpan:
    inner = node.members.get("function")
    if not (isinstance(inner, _Node) and inner.is_object):
        return node.texts["name"]
    # As the parser sees the object, so that both decide alike.
    within = holds_function({**node.members, "function": inner.members})
    return (inner if within else node).texts["name"]
