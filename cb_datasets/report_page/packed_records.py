"""Records packed for the page: a short index that is read at once, the rest piece by piece.

In: shown rows. Out: the contents of script elements of JSON. The page parses the index when it
opens and a piece when it needs it, so that thousands of long traces open as fast as a few. A text
that occurs in many records, a system prompt say, is held once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cb_datasets.quoting import printable
from cb_datasets.report_page.packed_tokens import PackedTokens
from cb_datasets.report_page.shown_rows import ShownRow

PIECE = 100
"""Records, and texts, of one piece."""

NOT_KEPT = "a row that is left out keeps no token ids"
_SNIPPET = 90


def script_json(value: Any) -> str:
    """JSON that may stand in a script element, whatever texts it holds.

    ASCII only: direction marks cannot rearrange the page's source either.

    Example:
        >>> script_json(["</script><b>"])
        '["\\\\u003c/script\\\\u003e\\\\u003cb\\\\u003e"]'
    """
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def chosen(rows: Mapping[str, int], most: int, always: Mapping[str, frozenset[int]]) -> Choice:
    """Which rows of each set the page holds, where there are too many for all.

    Small sets are held whole; what is left goes to the large ones, evenly spread over their rows.

    Args:
        rows: Rows of each set.
        most: Rows in all.
        always: Numbers of rows that are held in any case.

    Example:
        >>> {name: len(held) for name, held in chosen({"ds": 3, "dr": 90}, 13, {}).items()}
        {'ds': 3, 'dr': 10}
    """
    found: dict[str, frozenset[int]] = {}
    left, sets_left = most, len(rows)
    for name, count in sorted(rows.items(), key=lambda item: item[1]):
        share = min(count, left // max(1, sets_left))
        spread = {number * count // share for number in range(share)} if share else set()
        found[name] = frozenset(spread | always.get(name, frozenset()))
        left, sets_left = left - share, sets_left - 1
    return found


Choice = dict[str, frozenset[int]]


@dataclass
class PackedRecords:
    """Records on their way into the page.

    Attributes:
        tokens: Their tokens.
        index: What each record is found by and shown as in the list.
        bodies: What is read of it, in the same order.
        texts: Texts that bodies refer to by number.
    """

    tokens: PackedTokens
    index: list[list[Any]] = field(default_factory=list)
    bodies: list[list[Any]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict, repr=False)

    def add(self, row: ShownRow, number: int) -> None:
        """Pack a row, which is the one of that number in its set."""
        tokens = self.tokens.pack(row.ids) if row.set != "rejected" else NOT_KEPT
        said = row.completion if row.completion is not None else row.prefill
        if not said and row.messages:
            said = row.messages[-1][1]
        self.index.append(
            [
                row.set,
                number,
                row.id,
                row.source,
                row.category or "",
                row.outcome or "",
                row.kind,
                row.tool or "",
                printable(said or "", _SNIPPET),
                row.scenario,
                row.twin,
            ]
        )
        self.bodies.append(
            [
                row.why,
                [[role, self._number(text), calls] for role, text, calls in row.messages],
                row.completion,
                row.prefill,
                row.injection,
                [[name, self._number(text)] for name, text in row.tools],
                row.prompt_tokens,
                row.completion_tokens,
                int(row.control_tokens_allowed),
                row.facts,
                row.harmful,
                self._number(tokens) if isinstance(tokens, str) else tokens,
            ]
        )

    def scripts(self) -> Iterator[tuple[str, str]]:
        """Id and content of each script element."""
        yield "index", script_json(self.index)
        yield "vocabulary", script_json(self.tokens.vocabulary)
        packed = (("bodies", self.bodies), ("texts", self.texts), ("runs", self.tokens.runs))
        for name, held in packed:
            for place, piece in enumerate(_pieces(held)):
                yield f"{name}-{place}", script_json(piece)

    def _number(self, text: str) -> int:
        number = self._numbers.setdefault(text, len(self.texts))
        if number == len(self.texts):
            self.texts.append(text)
        return number


def _pieces(held: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (held[start : start + PIECE] for start in range(0, len(held), PIECE))
