"""A text as a reader sees it, in plain letters, so that no spelling hides a label."""

from __future__ import annotations

import re

from cb_datasets.text_forms import drawn_letter

_FADED = re.compile(r"[*`\\]|&#?\w{1,6};")
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&#91;": "[", "&#93;": "]", "&lsqb;": "[", "&rsqb;": "]"}
_LEET = re.compile(r"(?<=[A-Za-z])[013457]{1,4}(?=[A-Za-z])")
_LETTERS = str.maketrans("013457", "oleast")


def shown_text(text: str) -> tuple[str, list[int] | None]:
    """A text as it looks, and where each of its letters stands in the text; None: in its place."""
    places = None
    if not text.isascii():
        pieces = [drawn_letter(character) for character in text]
        places = [at for at, piece in enumerate(pieces) for _ in piece]
        text = "".join(pieces)
    if _FADED.search(text):
        kept = [(m.start(), m.end(), _ENTITIES.get(m[0], "")) for m in _FADED.finditer(text)]
        text, places = _replaced(text, kept, places)
    return _LEET.sub(_unleeted, text), places


def _replaced(
    text: str, changes: list[tuple[int, int, str]], places: list[int] | None
) -> tuple[str, list[int]]:
    pieces, kept, at = [], [], 0
    for start, end, new in changes:
        if not new and end - start > 1:
            continue
        pieces += [text[at:start], new]
        kept += [*range(at, start), *([start] * len(new))]
        at = end
    pieces.append(text[at:])
    kept += range(at, len(text))
    return "".join(pieces), kept if places is None else [places[k] for k in kept]


def _unleeted(match: re.Match[str]) -> str:
    letters = match[0].translate(_LETTERS)
    return letters.upper() if match.string[match.start() - 1].isupper() else letters
