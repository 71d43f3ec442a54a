"""The first marker of a debug label in a text."""

from __future__ import annotations

import re
from collections.abc import Collection

from cb_datasets.debug_labels.markers import MARKERS, Marker
from cb_datasets.debug_labels.place import place_of
from cb_datasets.debug_labels.shown import shown_text

_MAY_HOLD = re.compile(
    r"t[ _.-]?o[ _.-]?o[ _.-]?l|func|expected|harm|h a r m|[\[(<{]|injection|"
    r"^[\W_]{0,8}(?:safe|benign|unsafe|malicious|adversarial|refus|label|verdict|ground|gold|annot"
    r"|jailbr|poison|hijack|retain|flip|attack|simulated|mock|synthetic|injected|observed)",
    re.IGNORECASE | re.MULTILINE,
)
"""What every marker has, so that plain prose is told at a glance."""


def find_marker(
    text: str, tools: Collection[str] = (), own: tuple[str, ...] = ()
) -> tuple[Marker, int] | None:
    """The first marker in a text and where it begins, or None.

    Args:
        text: The text. Letters that only look like those of a marker, letters without a shape, and
            the signs of Markdown do not hide one.
        tools: Names of tools, by which a label is told that names one.
        own: What the model writes itself: Mistral's `[TOOL_CALLS]` is no label of Mistral's.

    Example:
        >>> find_marker("[ tool call ] search_web")[0].name
        '[TOOL_CALL]'
        >>> find_marker("The [tool call] timed out (expected: 3-5 business days).")
        >>> find_marker("(expected: weather)", ["weather"])[0].name
        '(Expected:'
    """
    for mark in own:
        text = text.replace(mark, " " * len(mark))
    if not _MAY_HOLD.search(text) and text.isascii():
        return None
    shown, places = shown_text(text)
    names = frozenset(name.casefold() for name in tools)
    first: tuple[Marker, int] | None = None
    for marker in MARKERS:
        for match in marker.pattern.finditer(shown):
            if first is not None and match.start() >= first[1]:
                break
            if marker.holds is None or marker.holds(place_of(match, shown, names)):
                first = (marker, match.start())
                break
    return None if first is None else (first[0], places[first[1]] if places else first[1])
