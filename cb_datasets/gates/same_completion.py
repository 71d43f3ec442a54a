"""Completions that stand under many prompts: said by a model, or pasted.

In: rows of a set, each with its prompt. Out: the completions that are too large a part of it. What
a model says follows from its prompt: the values in its call stand there, the attacker's in his
injection. One call under many prompts that do not hold its words was written by somebody else.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cb_datasets.gates.criteria import mapping_at
from cb_datasets.gates.row import Failures, GatedRow
from cb_datasets.text_forms import drawn_text

FEW = 20
"""So many rows may always say the same: a small set proves little."""

_WORD = re.compile(r"\w+")
_KEPT_WORDS = 200


@dataclass(slots=True)
class _Said:
    """One completion: rows that say it, those whose prompts do not give its words, and their names.

    Attributes:
        rows: All rows that say it.
        foreign: Those whose prompts hold less than half of its words.
        refusal: It refuses; few words are enough for that, and they need not be in the prompt.
    """

    rows: Failures
    foreign: int = 0
    refusal: bool = False


class SameCompletions:
    """The completions of a set; of each a digest, a count and the first rows are kept.

    Args:
        limit: How many rows of a completion are named.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._said: dict[bytes, _Said] = {}
        self._rows = 0

    def add(self, row: GatedRow, prompt: str) -> None:
        """Take in a row whose prompt and completion have not both been there before."""
        self._rows += 1
        values = _values(row)
        text = _written(values) if values else row.raw or ""
        key = " ".join(drawn_text(text).casefold().split()).encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(key, digest_size=16).digest()
        said = self._said.get(digest)
        if said is None:
            refuses = row.outcome == "refusal"
            said = self._said[digest] = _Said(Failures(self._limit), refusal=refuses)
        said.foreign += not _redacted(row) and not _given(row, prompt)
        said.rows.add(row, "the same completion stands under many prompts")

    def too_many(self, max_share: float, max_foreign: float) -> Iterator[Failures]:
        """The rows of each completion that is too large a part of the set.

        Args:
            max_share: Share of the set that one completion may be.
            max_foreign: The same of one whose words its prompts do not hold.
        """
        for said in self._said.values():
            if said.rows.count < FEW:
                continue
            foreign = 0 if said.refusal else said.foreign
            if said.rows.count > max_share * self._rows or (
                foreign >= FEW and foreign > max_foreign * self._rows
            ):
                yield said.rows

    def largest(self) -> float:
        """The share of the completion that stands under most prompts."""
        return max((said.rows.count for said in self._said.values()), default=0) / (self._rows or 1)

    def largest_foreign(self) -> float:
        """The same of completions whose words their prompts do not hold."""
        found = (said.foreign for said in self._said.values() if not said.refusal)
        return max(found, default=0) / (self._rows or 1)


def _redacted(row: GatedRow) -> bool:
    return mapping_at(row.row, "provenance").get("harmful_prompt_redacted") is True


def _values(row: GatedRow) -> list[Any]:
    calls = row.parsed.calls if row.parsed else ()
    return [[call.name, call.arguments] for call in calls]


def _written(values: list[Any]) -> str:
    try:
        return json.dumps(values, sort_keys=True, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        return "calls that are nested too deeply to be written"


def _given(row: GatedRow, prompt: str) -> bool:
    """Whether a prompt holds half of the words of the calls or, without any, of the text."""
    told: list[str] = []
    for _, arguments in _values(row):
        told += _texts(arguments)
    if not told and not _values(row):
        told = [row.parsed.content if row.parsed else row.raw or ""]
    words = [word for text in told for word in _WORD.findall(drawn_text(text).casefold())]
    words = words[:_KEPT_WORDS]
    if not words:
        return True
    shown = set(_WORD.findall(prompt.casefold()))
    return 2 * sum(word in shown for word in words) >= len(words)


def _texts(value: Any) -> Iterator[str]:
    """What is written in a value, without the names of its parameters."""
    if isinstance(value, dict):
        for held in value.values():
            yield from _texts(held)
    elif isinstance(value, (list, tuple)):
        for held in value:
            yield from _texts(held)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
