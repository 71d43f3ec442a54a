"""What a model thinks before it answers, between two tags.

In: a completion's text. Out: what was thought, where it stands, and where the answer begins.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cb_datasets.formats.json_names import CharSpan

_SPACE = re.compile(r"\s*")


class Thinking(NamedTuple):
    """What was thought.

    Attributes:
        text: The thought; None where there is none.
        end: Where the answer begins.
        spans: Where the thinking stands, tags included.
        problems: What is wrong with it.
    """

    text: str | None
    end: int
    spans: tuple[CharSpan, ...] = ()
    problems: tuple[str, ...] = ()


def leading_thinking(text: str, opening: str, closing: str) -> Thinking:
    """The thinking with which a completion begins.

    A template may have written the opening tag itself: then the completion begins inside.

    Example:
        >>> leading_thinking("<think>\\nWell.\\n</think>\\n\\nYes.", "<think>", "</think>")[:2]
        ('Well.', 24)
    """
    begin = behind_space(text, 0)
    opened = text.startswith(opening, begin)
    close = text.find(closing)
    if close < 0:
        if not opened:
            return Thinking(None, 0)
        spans, thought = ((begin, len(text)),), text[begin + len(opening) :]
        return Thinking(thought, len(text), spans, ("the thinking does not end",))
    start, end = begin + len(opening) if opened else 0, close + len(closing)
    spans = ((begin if opened else 0, end),)
    return Thinking(text[start:close].strip(), behind_space(text, end), spans)


def behind_space(text: str, at: int) -> int:
    """The position behind white space."""
    match = _SPACE.match(text, at)
    return match.end() if match else at
