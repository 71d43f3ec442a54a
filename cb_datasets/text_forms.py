"""One form for texts that look the same, and a looser one for texts that are made to look so.

In: a text as a person, a model or an attacker wrote it. Out: `plain_text`, equal for texts that
differ in nothing that a reader sees; `look_alike`, equal also where letters were put in the place
of others that resemble them; `drawn_text`, the text in the letters that it seems to be written in.
The first may stand for the text, the others prove likeness only.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_ASCII_SPACED = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*")
_SPACES = re.compile(r"\s+")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
# Letters of another width, and ligatures; not what changes the meaning, such as an exponent.
_SAME_LETTER = ("<wide>", "<narrow>")
_LIGATURES = range(0xFB00, 0xFB07)
# Without a shape of their own, though Unicode does not call them format characters.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0") | {
    chr(code) for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
}
_QUOTES = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4\u0060", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"')
)

_RESEMBLING = {
    # Cyrillic
    **dict(zip("авекмнорстухіјѕԁԛԝгьһӏпиѵүґз", "abekmhopctyxijsdqwrbhlnuvyre", strict=True)),
    # Greek
    **dict(zip("αβεζηικμνορτυχγωϲ", "abeznikuvoptuxywc", strict=True)),
    # Latin and others
    **dict(zip("ıɡɑøłđħŧ", "igaoldht", strict=True)),
}
# Capitals that resemble another letter than their small ones do, and small capitals.
_CAPITALS = dict(zip("\u0397\u039d\u03a5", "HNY", strict=True))
_SMALL_CAPITALS = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "ABCDEFGHIJKLMNOPRSTUVWYZ", strict=True))
_LEET = dict(zip("013457@$|!i", "oleastaslll", strict=True))
_LOOKS_LIKE = str.maketrans({**_RESEMBLING, **_LEET})
_DRAWN = str.maketrans(
    _RESEMBLING
    | {small.upper(): latin.upper() for small, latin in _RESEMBLING.items()}
    | _CAPITALS
    | _SMALL_CAPITALS
)
_PUNCTUATION = {"Pc": "_", "Pd": "-", "Ps": "[", "Pe": "]"}


def plain_text(text: str) -> str:
    """A text without what no reader sees: widths, zero-width letters, kinds of space and quote.

    Composed and decomposed letters become one (NFC), fullwidth letters the usual ones, curly
    quotes straight ones; letters without a shape go, and white space is one space, none outside.
    Case and dashes stay.

    Example:
        >>> plain_text("\\uff35\\uff33\\u00a0 13\\u200b3 ")
        'US 133'
    """
    if _ASCII_SPACED.fullmatch(text):
        return text.replace("`", "'")
    if text.isascii():
        shown = text.replace("`", "'")
    else:
        composed = unicodedata.normalize("NFC", text)
        shown = _NOT_ASCII.sub(lambda found: _letter(found.group()), composed).translate(_QUOTES)
        shown = unicodedata.normalize("NFC", shown)
    return _SPACES.sub(" ", shown).strip()


@lru_cache(maxsize=4096)
def _letter(character: str) -> str:
    if character in _INVISIBLE or unicodedata.category(character) == "Cf":
        return ""
    kind = unicodedata.decomposition(character).partition(" ")[0]
    if kind in _SAME_LETTER or ord(character) in _LIGATURES:
        return unicodedata.normalize("NFKC", character)
    return character


def look_alike(text: str) -> str:
    """The bare outline of a text: what is drawn alike in other alphabets and in digits is one.

    It is for telling that a text was made to look like another, and never for calling them equal:
    the letter O and the digit 0 are one here.

    Example:
        >>> look_alike("P\\u0430ypal") == look_alike("paypa1")
        True
    """
    decomposed = unicodedata.normalize("NFKD", plain_text(text))
    letters = "".join(c for c in decomposed if not unicodedata.combining(c))
    return letters.casefold().translate(_LOOKS_LIKE)


def drawn_text(text: str) -> str:
    """A text in the letters that it seems to be written in; plain ASCII stays as it is.

    As in `look_alike` letters without a shape and accents go, and those of other alphabets become
    the Latin ones that they resemble; case, digits and white space stay, so that words can still be
    told apart by them.

    Example:
        >>> drawn_text("T\u041e\u041eL\u200b_C\u00c0LL 3")
        'TOOL_CALL 3'
    """
    return text if text.isascii() else "".join(map(drawn_letter, text))


@lru_cache(maxsize=4096)
def drawn_letter(character: str) -> str:
    """One character of `drawn_text`: nothing, one letter, or those of a ligature.

    Quotes become straight ones; brackets, dashes and joiners of other scripts `[`, `]`, `-`, `_`.
    """
    if character.isascii():
        return character
    decomposed = unicodedata.normalize("NFKD", _letter(character))
    letters = "".join(c for c in decomposed if not unicodedata.combining(c))
    return "".join(
        c if c.isascii() else _PUNCTUATION.get(unicodedata.category(c), c)
        for c in letters.translate(_QUOTES).translate(_DRAWN)
    )
