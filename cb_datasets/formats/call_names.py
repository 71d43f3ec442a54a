"""Where in a completion its calls and their names stand, as characters.

In: the text of a completion. Out: a span per call, in the order of `ParsedCompletion.calls`. The
token at a call's name is where a model has decided what to call; the text is read by the parser's
own rules, so that spans and calls cannot disagree.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from cb_datasets.formats.format import Format
from cb_datasets.formats.json_calls import holds_function
from cb_datasets.formats.llama31 import LLAMA31
from cb_datasets.formats.pythonic import call_name_spans
from cb_datasets.formats.tool_names import Tools

CharSpan = tuple[int, int]
"""First character, and the one behind the last."""

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],]', re.DOTALL)
_BETWEEN = " \t\r\n;"
_FUNCTION_HEAD = len("<function=")


@dataclass(slots=True)
class _Node:
    """An object or list of a JSON text: the spans of its texts, and what else it holds."""

    is_object: bool
    key: str | None = None
    texts: dict[str, CharSpan] = field(default_factory=dict)
    members: dict[str, Any] = field(default_factory=dict)
    items: list[_Node] = field(default_factory=list)


def name_spans(
    text: str, tools: Tools | None = None, known: Format = LLAMA31
) -> tuple[CharSpan, ...]:
    """The span of the name of each call in a completion.

    Args:
        text: The raw output, as for `parse_completion`.
        tools: The tools on offer, as for `parse_completion`.
        known: Its format.

    Returns:
        One span per call, in the order of the calls, without quotes; a name that is written with
        escapes spans its escapes.

    Example:
        >>> text = '<|python_tag|>{"name": "search_web", "parameters": {}}<|eom_id|>'
        >>> [text[start:end] for start, end in name_spans(text)]
        ['search_web']
    """
    found: list[CharSpan] = []
    for start, end in known.read(text, tools).places:
        found += _in_place(text, start, end)
    return tuple(found)


def call_spans(
    text: str, tools: Tools | None = None, known: Format = LLAMA31
) -> tuple[CharSpan, ...]:
    """The stretches of a completion that are calls: the tag before them too, the end token not.

    Args:
        text: The raw output, as for `parse_completion`.
        tools: The tools on offer, as for `parse_completion`.
        known: Its format.

    Returns:
        One span per call, in order; calls of one list are one.

    Example:
        >>> text = 'On it. <|python_tag|>{"name": "f", "parameters": {}}<|eom_id|>'
        >>> [text[start:end] for start, end in call_spans(text)]
        ['<|python_tag|>{"name": "f", "parameters": {}}']
    """
    found = []
    opening, closing = known.calls.tag.strip(), known.calls.close.strip()
    for start, end in known.read(text, tools).places:
        tag = text.rfind(opening, 0, start)
        is_its_own = tag >= 0 and not text[tag + len(opening) : start].strip(_BETWEEN)
        close = text.find(closing, end) if closing else -1
        is_closed = close >= 0 and not text[end:close].strip(_BETWEEN)
        found.append((tag if is_its_own else start, close + len(closing) if is_closed else end))
    return tuple(found)


def _in_place(text: str, start: int, end: int) -> list[CharSpan]:
    if text.startswith("<function=", start):
        return [(start + _FUNCTION_HEAD, text.index(">", start))]
    if text[start] == "{" or text[start + 1 : end].lstrip().startswith("{"):
        root = _tree(text, start, end)
        return [_name(node) for node in ([root] if root.is_object else root.items)]
    return call_name_spans(text, start)


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
