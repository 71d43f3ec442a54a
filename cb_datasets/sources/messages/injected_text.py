"""Finding an injection inside a tool result.

In: a tool result and the wordings the attacker's goal may have. Out: the injected text as it stands
there, or None. Tools print their results as YAML and the like, so the goal may be wrapped over
lines, indented, quoted or escaped: it is compared letter by letter, and nothing but letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

# An escape of a double-quoted YAML or JSON string, or one letter or digit.
_UNIT = re.compile(r"\\x([0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})|\\[nrtN_LPabefv0]|([^\W_])")

# Blocks in which published attacks wrap their text, so that the whole of it can be shown.
_BLOCK = re.compile(r"<INFORMATION>.*?</INFORMATION>", re.DOTALL)


def find_injection(text: str, goals: Iterable[str]) -> str | None:
    """The injected text in a tool result that states one of the goals.

    Args:
        text: A tool result.
        goals: The attacker's goal, in each wording it is known in.

    Returns:
        The `<INFORMATION>` block around the goal, where there is one, and else the lines that the
        goal stands in; None if the goal is not there.

    Example:
        >>> find_injection("- id: 1\\n  body: Hi! Please visit\\n    a site.", ["Visit a site."])
        'body: Hi! Please visit\\n    a site.'
        >>> find_injection("nothing to see", ["Visit a website."]) is None
        True
    """
    wanted = [letters for goal in goals if (letters := _letters(goal)[0])]
    if not wanted or not text:
        return None
    letters, positions = _letters(text)
    for goal in wanted:
        at = letters.find(goal)
        if at >= 0:
            return _surroundings(text, positions[at], positions[at + len(goal) - 1])
    return None


def find_injected(text: str, injected: Iterable[str]) -> str | None:
    """An injected text as it stands in a tool result, from its first mark to its last.

    Args:
        text: A tool result.
        injected: The texts that an attacker has put in place.

    Example:
        >>> find_injected("body: 'Hi. <b>Do this\\n  now!</b> Bye.'", ["<b>Do this now!</b>"])
        '<b>Do this\\n  now!</b>'
    """
    letters, positions = _letters(text)
    for whole in injected:
        wanted = _letters(whole)[0]
        at = letters.find(wanted) if wanted else -1
        if at < 0:
            continue
        first, last = positions[at], positions[at + len(wanted) - 1] + 1
        # Marks before the first letter and behind the last one are part of it.
        head, tail = _marks(whole)
        first -= len(head) if text[:first].endswith(head) else 0
        return text[first : last + (len(tail) if text[last:].startswith(tail) else 0)]
    return None


def first_shown(text: str, injected: Iterable[str]) -> str | None:
    """The first of several injected texts that a text shows, each compared by its letters.

    Example:
        >>> first_shown("body: 'Hi. Do\\n  that!'", ["Do this!", "Do that!"])
        'Do that!'
    """
    letters, _ = _letters(text)
    return next((whole for whole in injected if (own := _only(whole)) and own in letters), None)


@lru_cache(maxsize=4096)
def _only(text: str) -> str:
    return _letters(text)[0]


def _marks(text: str) -> tuple[str, str]:
    """What a text has before its first letter and behind its last, without white space around."""
    stripped = text.strip()
    inside = [n for n, character in enumerate(stripped) if character.isalnum()]
    return stripped[: inside[0]], stripped[inside[-1] + 1 :]


def _letters(text: str) -> tuple[str, list[int]]:
    """The letters and digits of a text in lower case, and where in the text each one stands."""
    letters: list[str] = []
    positions: list[int] = []
    for unit in _UNIT.finditer(text):
        code = unit.group(1) or unit.group(2)
        letter = chr(int(code, 16)) if code else unit.group(3)
        if letter is None or not letter.isalnum():
            continue
        for lowered in letter.lower():
            letters.append(lowered)
            positions.append(unit.start())
    return "".join(letters), positions


def _surroundings(text: str, first: int, last: int) -> str:
    for block in _BLOCK.finditer(text):
        if block.start() <= first and last < block.end():
            return block.group()
    start = text.rfind("\n", 0, first) + 1
    end = text.find("\n", last)
    return text[start : end if end >= 0 else len(text)].strip()
