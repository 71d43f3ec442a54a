"""Control tokens of untrusted text, hidden from the chat template.

In: messages and tools as they came. Out: the same with a private stand-in for each control token,
so that in the rendered text every control token is the template's own; and back again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_PRIVATE = re.compile("[\ue000-\uf8ff]")


class Mask:
    """Hides the control tokens of one prompt.

    Args:
        special: The control tokens.
        content: All untrusted content: stand-ins are made of characters that occur nowhere in it.

    Attributes:
        special: The control tokens.
        hidden: How many control tokens have been hidden.

    Example:
        >>> mask = Mask(("<|eot_id|>",), "Hi<|eot_id|>")
        >>> hidden = mask.hide("Hi<|eot_id|>")
        >>> "<|eot_id|>" in hidden, mask.reveal(hidden), mask.hidden
        (False, 'Hi<|eot_id|>', 1)
    """

    def __init__(self, special: tuple[str, ...], content: Any) -> None:
        self._pattern = _alternatives(special)
        self.special = special
        self.hidden = 0
        # Most prompts hold no control token, and finding that out is much faster than hiding.
        self._idle = not _may_hold(content, special)
        if not self._idle:
            used: set[str] = set()
            _collect_private(content, used)
            free = (chr(code) for code in range(0xE000, 0xF8FF) if chr(code) not in used)
            self._open, self._close = next(free), next(free)

    def hide(self, value: Any) -> Any:
        """A value of any shape without control tokens in its texts, keys included."""
        return value if self._idle else self._hide(value)

    def _hide(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._pattern.sub(self._stand_in, value)
        if isinstance(value, Mapping):
            return {self._hide(key): self._hide(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._hide(item) for item in value]
        return value

    def reveal(self, text: str) -> str:
        """The text with the control tokens that were hidden, as plain text."""
        if not self.hidden:
            return text
        stand_in = re.compile(f"{self._open}(\\d+){self._close}")
        return stand_in.sub(lambda match: self.special[int(match.group(1))], text)

    def split(self, text: str) -> list[tuple[str, bool]]:
        """The rendered text in order: (control token, True) and (plain text, False)."""
        parts: list[tuple[str, bool]] = []
        at = 0
        for match in self._pattern.finditer(text):
            if match.start() > at:
                parts.append((self.reveal(text[at : match.start()]), False))
            parts.append((match.group(), True))
            at = match.end()
        if at < len(text):
            parts.append((self.reveal(text[at:]), False))
        return parts

    def _stand_in(self, match: re.Match[str]) -> str:
        self.hidden += 1
        return f"{self._open}{self.special.index(match.group())}{self._close}"


@lru_cache(maxsize=8)
def _alternatives(special: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, special)))


def _may_hold(content: Any, special: tuple[str, ...]) -> bool:
    """Whether a control token can stand in content of any shape."""
    starts = _starts(special)
    try:
        text = json.dumps(content, ensure_ascii=False, default=_refuse)
    except (TypeError, ValueError, RecursionError):
        return True
    return starts is None or any(start in text for start in starts)


@lru_cache(maxsize=8)
def _starts(special: tuple[str, ...]) -> tuple[str, ...] | None:
    """Strings one of which stands in all JSON that holds a control token; None if there are none.

    A token with characters that JSON escapes cannot be looked for in JSON.
    """
    if any(json.dumps(token, ensure_ascii=False) != f'"{token}"' for token in special):
        return None
    return tuple(sorted({"<|" if token.startswith("<|") else token for token in special}))


def _refuse(value: Any) -> Any:
    raise TypeError(type(value).__name__)


def _collect_private(value: Any, used: set[str]) -> None:
    if isinstance(value, str):
        if not value.isascii():
            used.update(_PRIVATE.findall(value))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _collect_private(key, used)
            _collect_private(item, used)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _collect_private(item, used)
