"""Untrusted text on a terminal: it neither steers it nor is markup.

In: a text from anywhere. Out: a `rich` text, for a sentence or a cell. Imported where something is
shown, so that nothing else needs a terminal.
"""

from __future__ import annotations

import re

from rich.text import Text

from cb_datasets.quoting import printable


def shown(value: object, style: str = "") -> Text:
    """The value on one line, with everything unprintable escaped.

    Example:
        >>> shown("[red]\\x1b[2J").plain
        '[red]\\\\x1b[2J'
    """
    return Text(printable(value, None), style)


def shown_lines(text: str, style: str = "") -> Text:
    """A text whose lines stay lines: a message, not a sentence.

    Example:
        >>> shown_lines("two\\r\\nlines").plain
        'two\\\\r\\nlines'
    """
    return Text(re.sub(r"[^\n\t]+", lambda line: printable(line[0], None), text), style)
