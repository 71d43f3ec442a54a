"""Untrusted text in a report: ids, categories and excerpts come from rows, and rows from anywhere.

In: any value of a row. Out: one line without control characters, short enough for a sentence.
"""

from __future__ import annotations

ELLIPSIS = "…"


def printable(value: object, limit: int = 120) -> str:
    """The value on one line, with everything unprintable escaped and the end cut off at `limit`.

    Terminal escapes, line breaks, direction marks and half surrogate pairs become backslash
    escapes, so a row cannot rewrite the report it is named in.

    Example:
        >>> printable("row\\x1b[2J 1")
        'row\\\\x1b[2J 1'
        >>> printable("abcdef", limit=3)
        'abc…'
    """
    text = value if isinstance(value, str) else _represent(value)
    cut = text[:limit]
    shown = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut
    )
    return shown + ELLIPSIS if len(text) > limit else shown


def quoted(value: object, limit: int = 120) -> str:
    """`printable` in quotation marks if it is text, bare otherwise.

    Example:
        >>> quoted("search_web"), quoted(None)
        ("'search_web'", 'None')
    """
    shown = printable(value, limit)
    return f"'{shown}'" if isinstance(value, str) else shown


def _represent(value: object) -> str:
    try:
        return repr(value)
    except RecursionError:
        return f"a deeply nested {type(value).__name__}"
