"""Where an injected text stands in a message, as the template writes the message.

In: the content of a user's message or a tool result, and the injection. Out: the written text, and
which characters of it are the injection's. User messages are written without the white space at
their ends, tool results as JSON; a tool result that is JSON itself is JSON within JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, TypeAlias

from cb_datasets.formats.messages import joined_text

Stretch: TypeAlias = tuple[int, int]
"""First character, and the one behind the last."""

_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
# A character of a JSON text: a surrogate pair, an escape, or the character itself.
_CHARACTER = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class WrittenContent:
    """A message's content as a template writes it.

    Attributes:
        text: What is written.
        injected: The stretches of it that are the injection's: one an occurrence, in order, and
            those that overlap as one.
    """

    text: str
    injected: tuple[Stretch, ...]


def written_ways(role: str, content: Any, injection: str) -> Iterator[WrittenContent]:
    """The ways in which a template may write a content, Llama 3.1's own first.

    Args:
        role: The role of the message.
        content: Its content; text parts are joined.
        injection: The injected text.

    Example:
        >>> way = next(written_ways("tool", 'Note: "Obey!"', '"Obey!"'))
        >>> way.text, [way.text[start:end] for start, end in way.injected]
        ('"Note: \\\\"Obey!\\\\""', ['\\\\"Obey!\\\\"'])
    """
    is_result = role in ("tool", "ipython")
    content = content if is_result else joined_text(content)
    if not isinstance(content, str):
        document = json.dumps(content, ensure_ascii=False)
        yield WrittenContent(document, _united(_in_literals(document, injection)))
        return
    stretches = _united([*_occurrences(content, injection), *_in_json(content, injection)])
    if is_result:
        yield _as_json(content, stretches)
    yield _trimmed(content, stretches)
    yield WrittenContent(content, stretches)


def _as_json(content: str, stretches: Iterable[Stretch]) -> WrittenContent:
    # JSON writes each character by itself: the lengths of what stands between tell the places.
    found, read, at = [], 0, 1
    for stretch in stretches:
        places = []
        for position in stretch:
            at += len(json.dumps(content[read:position], ensure_ascii=False)) - 2
            read = position
            places.append(at)
        found.append((places[0], places[1]))
    return WrittenContent(json.dumps(content, ensure_ascii=False), tuple(found))


def _trimmed(content: str, stretches: Iterable[Stretch]) -> WrittenContent:
    written = content.strip()
    lead = len(content) - len(content.lstrip())
    moved = ((max(start - lead, 0), min(end - lead, len(written))) for start, end in stretches)
    return WrittenContent(written, tuple((start, end) for start, end in moved if start < end))


def _in_json(content: str, injection: str) -> list[Stretch]:
    """Where the texts of a content that is JSON hold the injection in escapes."""
    if "\\" not in content or not content.lstrip().startswith(("{", "[", '"')):
        return []
    try:
        json.loads(content, strict=False)
    except (ValueError, RecursionError):
        return []
    return list(_in_literals(content, injection))


def _in_literals(document: str, injection: str) -> Iterator[Stretch]:
    for literal in _LITERAL.finditer(document):
        pieces = _CHARACTER.findall(literal[1])
        read = [
            json.loads(f'"{piece}"', strict=False) if "\\" in piece else piece for piece in pieces
        ]
        text = "".join(read)
        if injection not in text:
            continue
        # A piece is a character as Python counts them: pairs of surrogates are one.
        places = list(accumulate(map(len, pieces), initial=literal.start(1)))
        for start, end in _occurrences(text, injection):
            yield places[start], places[end]


def _occurrences(text: str, injection: str) -> Iterator[Stretch]:
    at = text.find(injection)
    while at >= 0:
        yield at, at + len(injection)
        at = text.find(injection, at + 1)


def _united(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """Stretches in order, those that overlap as one."""
    found: list[Stretch] = []
    for start, end in sorted(set(stretches)):
        if found and start < found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return tuple(found)
