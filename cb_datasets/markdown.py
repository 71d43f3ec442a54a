"""Markdown in which every value is text: it is shown as it is, and does nothing.

In: values from anywhere: rows, files, models. Out: Markdown for readers of CommonMark, of GitHub's
dialect (https://github.github.com/gfm) and of the Hub's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from cb_datasets.quoting import printable

_LIVE = re.compile(r"@|//|www\.|:(?!\d\d:)[+-]?[A-Za-z0-9_-]+:", re.IGNORECASE)
"""Addresses, mentions and emoji codes: sites look for them in the text that is left when Markdown
has been read, so no backslash holds them back; they do not look into code."""

_ACTIVE = re.compile(
    r"[\\`*~$<>|]"
    # Links and pictures; an empty pair of brackets is none without what follows it.
    r"|\[(?!\])|(?<!\[)\]|(?<=\[\])\("
    # Behind a letter these do nothing.
    r"|(?<![A-Za-z0-9])[_#]"
    r"|&(?=[#A-Za-z0-9])"
    # Some take whatever looks like a domain for a link.
    r"|\.(?=[^\W\d_])"
)
_ENTITIES = {
    # The Hub takes `\\(` for the beginning of a formula.
    "\\": "&#92;",
    "<": "&lt;",
    ">": "&gt;",
    "&": "&amp;",
}
_LEADING_MARK = re.compile(r"^(\d{0,9})([-+=:.)])(?![A-Za-z0-9])")
"""What begins a list or a rule, or makes a heading or a table of the line above."""

_PLAIN_ADDRESS = re.compile(r"https://[A-Za-z0-9./-]+")


class Markdown(str):
    """Text that is Markdown already; any other value is escaped where it is written."""

    __slots__ = ()


def inline(value: object, limit: int | None = 1000) -> Markdown:
    r"""The value as text: within a paragraph, a list, a cell, a heading, a link or bold letters.

    Args:
        value: The value; `Markdown` stays as it is.
        limit: Characters that are shown.

    Example:
        >>> inline("![x](y) <b> find_contact")
        '!\\[x\\](y) &lt;b&gt; find_contact'
        >>> inline("see https://x.org/|* at 10:00:00")
        'see `https://x.org/`\\|\\* at 10:00:00'
    """
    if isinstance(value, Markdown):
        return value
    pieces = re.split(r"([ |<])", printable(value, limit))
    text = "".join(_code_span(p) if _LIVE.search(p) else _text(p) for p in pieces)
    text = _LEADING_MARK.sub(r"\1\\\2", text)
    # A space at an end would be dropped, and several make code of a line.
    return Markdown(re.sub(r"^ | $", "&#32;", text))


def code(value: object, limit: int | None = 1000) -> Markdown:
    """The value as code, within a line.

    Example:
        >>> code("ds/train-*"), code("a`b"), code("<|eom_id|>")
        ('`ds/train-*`', '``a`b``', '&lt;\\\\|`eom_id`\\\\|`>`')
    """
    # In code nothing can be escaped: a pipe would end a cell, and `<!--` be a marker of the card.
    pieces = re.split(r"([|<])", printable(value, limit))
    return Markdown("".join(_text(p) if p in ("|", "<") else _code_span(p) for p in pieces))


def strong(value: object) -> Markdown:
    """The value in bold letters."""
    text = inline(value)
    return Markdown(f"**{text}**" if text else "")


def address(url: str) -> Markdown:
    """A link to an address that shows what it is; any other text is only shown.

    Example:
        >>> address("https://github.com/org/repo"), address("javascript:x()")
        ('https://github.com/org/repo', 'javascript:x()')
    """
    return Markdown(url) if _PLAIN_ADDRESS.fullmatch(url) else inline(url)


def heading(level: int, value: object) -> Markdown:
    """A heading of a level from 1 to 6."""
    return Markdown(f"{'#' * level} {inline(value)}")


def bullets(items: Iterable[object], level: int = 0) -> Markdown:
    """A list, an item a line.

    Args:
        items: What it lists.
        level: Of how many lists it is inside.

    Example:
        >>> print(bullets(["- one", Markdown("**two**")]))
        - \\- one
        - **two**
    """
    return Markdown("\n".join(f"{'  ' * level}- {inline(item)}" for item in items))


def table(columns: Sequence[object], rows: Iterable[Sequence[object]], align: str) -> Markdown:
    """A table, with its cells on one line each.

    Args:
        columns: The headings.
        rows: As many cells each.
        align: A letter a column: `l` for words, `r` for numbers.

    Example:
        >>> print(table(["tool", "rows"], [["a|b", 3]], "lr"))
        | tool | rows |
        |---|---:|
        | a\\|b | 3 |
    """
    rule = "".join("---:|" if letter == "r" else "---|" for letter in align)
    return Markdown("\n".join([_row(columns), f"|{rule}", *map(_row, rows)]))


def _row(cells: Sequence[object]) -> str:
    return "|" + "".join(f" {text} |" if (text := inline(cell)) else " |" for cell in cells)


def _text(piece: str) -> str:
    return _ACTIVE.sub(lambda found: _ENTITIES.get(found[0], f"\\{found[0]}"), piece)


def _code_span(text: str) -> str:
    if not text:
        return ""
    runs = {len(run) for run in re.findall("`+", text)}
    fence = "`" * next(n for n in range(1, len(text) + 2) if n not in runs)
    # One space at each end is taken away, and a backtick there would lengthen the fence.
    edges = {text[0], text[-1]}
    pad = " " if "`" in edges or (edges == {" "} and text.strip()) else ""
    return f"{fence}{pad}{text}{pad}{fence}"
