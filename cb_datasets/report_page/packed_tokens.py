"""Tokens packed for the page: each token's text once, each run of tokens once.

In: the ids of rows, and their tokenizer if there is one. Out: what the page shows of each row's
tokens, or one sentence that says why it shows none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cb_datasets.dataset.tokenizer_at_hand import NO_IDS, AtHand
from cb_datasets.errors import FormatError
from cb_datasets.formats.sequence import token_bytes
from cb_datasets.quoting import printable, quoted
from cb_datasets.report_page.token_runs import RowIds, token_runs

MAX_TOKENS = 3_000_000
"""Tokens that a page holds, those counted once that stand in many rows: some 15 MB."""


@dataclass
class PackedTokens:
    """Tokens on their way into the page.

    Attributes:
        at_hand: The tokenizer, or why there is none.
        runs: Runs of tokens, each token by its place in `vocabulary`.
        vocabulary: Id and text of each token; a byte that is no character is half a surrogate.
    """

    at_hand: AtHand
    runs: list[list[int]] = field(default_factory=list)
    vocabulary: list[tuple[int, str]] = field(default_factory=list)
    _numbers: dict[tuple[int, ...], int] = field(default_factory=dict, repr=False)
    _places: dict[int, int] = field(default_factory=dict, repr=False)
    _held: int = 0

    def pack(self, ids: RowIds | None) -> str | list[list[Any]]:
        """A row's tokens: for each run its turn's role, whether the turn begins, what the tokens
        are, and the run's number; or why they are not shown."""
        if ids is None:
            return NO_IDS
        if self.at_hand.tokenizer is None:
            return self.at_hand.why_not
        if self._held >= MAX_TOKENS:
            return f"the page holds {MAX_TOKENS:,} tokens already; fewer --max-records leave room"
        try:
            found = token_runs(ids, self.at_hand.tokenizer)
        except FormatError as error:
            named = quoted(self.at_hand.name)
            return f"these ids are not of the tokenizer {named}: {printable(str(error), 200)}"
        return [
            [run.role, int(run.is_first), " ".join(run.marks), self._number(run.token_ids)]
            for run in found
        ]

    def _number(self, token_ids: tuple[int, ...]) -> int:
        number = self._numbers.setdefault(token_ids, len(self.runs))
        if number == len(self.runs):
            self.runs.append([self._place(token) for token in token_ids])
            self._held += len(token_ids)
        return number

    def _place(self, token: int) -> int:
        place = self._places.setdefault(token, len(self.vocabulary))
        if place == len(self.vocabulary):
            text = token_bytes(self.at_hand.tokenizer)[token].decode("utf-8", "surrogateescape")
            self.vocabulary.append((token, text))
        return place
