"""Samples of one scenario that say the same, or nearly the same, as one before them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cb_datasets.records import JudgedSample
from cb_datasets.sets.scenario_facts import numbers_of
from cb_datasets.similarity import shingles, similarity

if TYPE_CHECKING:
    from cb_datasets.similarity import Shingles


@dataclass(frozen=True, slots=True)
class Repeat:
    """The row that is kept, and whether the other only nearly repeats it."""

    kept: str
    near: bool


@dataclass(slots=True)
class SampleRepeats:
    """The samples of one scenario that were kept so far, by the set they are in.

    Args:
        threshold: Similarity of the completions, 0 to 1, from which they are near duplicates;
            None tells exact ones only.

    Example:
        >>> samples = SampleRepeats(0.9)
        >>> row = {"assistant_raw": "The shop opens at nine.", "tool_calls_structured": []}
        >>> samples.find("dr", "s#sample0", row), samples.find("dr", "s#sample1", row)
        (None, Repeat(kept='s#sample0', near=False))
    """

    threshold: float | None
    _kept: dict[tuple[str, str], str] = field(default_factory=dict)
    _near: list[tuple[tuple[Any, ...], str, Shingles]] = field(default_factory=list)

    def find(self, name: str, row_id: str, row: JudgedSample) -> Repeat | None:
        """The kept sample that a row repeats; if there is none, the row is kept from now on."""
        raw = row["assistant_raw"]
        first = self._kept.setdefault((name, raw), row_id)
        if first != row_id:
            return Repeat(first, near=False)
        if self.threshold is None:
            return None
        # Another number or another tool is another order, however alike the texts are.
        calls = [call["name"] for call in row["tool_calls_structured"] or []]
        key = (name, tuple(calls), tuple(numbers_of(raw)))
        runs = shingles(raw)
        for other, kept, other_runs in self._near:
            if other == key and similarity(runs, other_runs) >= self.threshold:
                return Repeat(kept, near=True)
        self._near.append((key, row_id, runs))
        return None
