"""Untrusted text in a sentence: ids, categories, excerpts and errors come from anywhere.

In: any value, or an error. Out: one line without control characters, short enough for a sentence.
"""

from __future__ import annotations

ELLIPSIS = "…"

_INVISIBLE = frozenset(
    map(
        chr,
        [
            *(0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),
            *range(0xE0100, 0xE01F0),
        ],
    )
)
"""Characters that Python calls printable, and of which nothing is seen."""


def printable(value: object, limit: int | None = 120) -> str:
    """The value on one line, with everything unprintable escaped and the end cut off at `limit`.

    Terminal escapes, line breaks, direction marks, what has no width and half surrogate pairs
    become backslash escapes, so a row cannot rewrite the report it is named in.

    Example:
        >>> printable("row\\x1b[2J 1")
        'row\\\\x1b[2J 1'
        >>> printable("abcdef", limit=3)
        'abc…'
    """
    text = value if isinstance(value, str) else _represent(value)
    cut = text[:limit]
    shown = "".join(
        char
        if char.isprintable() and char not in _INVISIBLE
        else char.encode("unicode_escape").decode()
        for char in cut
    )
    return shown if len(cut) == len(text) else shown + ELLIPSIS


def quoted(value: object, limit: int = 120) -> str:
    """`printable` in quotation marks if it is text, bare otherwise.

    Example:
        >>> quoted("search_web"), quoted(None)
        ("'search_web'", 'None')
    """
    shown = printable(value, limit)
    return f"'{shown}'" if isinstance(value, str) else shown


def reason_of(error: BaseException, limit: int = 300) -> str:
    """What an error says, on one line: the system's words where it is the system's error.

    Example:
        >>> reason_of(FileNotFoundError(2, "No such file", "a.json")), reason_of(EOFError())
        ('No such file', 'EOFError')
    """
    said = getattr(error, "strerror", None) or error
    return printable(" ".join(str(said).split()), limit) or type(error).__name__


def error_line(error: BaseException, limit: int = 300) -> str:
    """An error's type and what it says, on one line.

    Example:
        >>> error_line(ValueError("two\\nlines")), error_line(TimeoutError())
        ('ValueError: two lines', 'TimeoutError')
    """
    name, reason = type(error).__name__, printable(" ".join(str(error).split()), limit)
    return f"{name}: {reason}" if reason else name


def _represent(value: object) -> str:
    try:
        return repr(value)
    except RecursionError:
        return f"a deeply nested {type(value).__name__}"
