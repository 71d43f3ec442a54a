"""The figures of the page, counted in one pass over the rows of all sets.

In: shown rows. Out: tables and histograms as plain data, which the template draws.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cb_datasets.records import OUTCOMES
from cb_datasets.report_page.shown_rows import ShownRow

UNKNOWN = "not recorded"
_BINS = 32
_WIDE = 12
"""Lengths whose largest is so many times the smallest are drawn on a logarithmic axis."""


@dataclass(frozen=True, slots=True)
class CrossTable:
    """Counts by two things.

    Attributes:
        columns: Names of the columns.
        rows: Name, counts in the order of the columns, and sum of each row.
    """

    columns: list[str]
    rows: list[tuple[str, list[int], int]]

    def head(self, count: int) -> CrossTable:
        """Its first rows."""
        return CrossTable(self.columns, self.rows[:count])

    def tail(self, start: int) -> CrossTable:
        """Its rows from one on."""
        return CrossTable(self.columns, self.rows[start:])


@dataclass(frozen=True, slots=True)
class Histogram:
    """Lengths of several sets over the same bins.

    Attributes:
        edges: Bin edges; one more than bins.
        logarithmic: Whether the bins are equally wide on a logarithmic axis.
        series: By set: share of its rows in each bin, median, largest, and how many rows.
    """

    edges: list[float]
    logarithmic: bool
    series: dict[str, dict[str, Any]]


@dataclass
class Figures:
    """What is counted."""

    rows: Counter[str] = field(default_factory=Counter)
    sources: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    kinds: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    tools: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    reasons: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    lengths: dict[str, dict[str, list[int]]] = field(
        default_factory=lambda: {"prompt": defaultdict(list), "completion": defaultdict(list)}
    )
    _outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    _categories: dict[str, str] = field(default_factory=dict)
    _uncategorised: list[tuple[str, str]] = field(default_factory=list)

    def add(self, row: ShownRow) -> None:
        """Count a row."""
        self.rows[row.set] += 1
        self.sources[row.source][row.set] += 1
        if row.category is not None:
            self._categories[row.scenario] = row.category
        if row.outcome is not None and row.category is not None:
            self._outcomes[row.category, row.outcome] += 1
        elif row.outcome is not None:
            self._uncategorised.append((row.scenario, row.outcome))
        if row.set == "rejected":
            self.reasons[row.kind][row.outcome or "no completion"] += 1
            return
        self.kinds[row.set][row.kind] += 1
        if row.set in ("ds", "dr"):
            self.tools[row.tool or "(no call)"][row.set] += 1
        for what, length in (("prompt", row.prompt_tokens), ("completion", row.completion_tokens)):
            if length is not None:
                self.lengths[what][row.set].append(length)

    def outcomes_by_category(self) -> CrossTable:
        """Completions by attack category and outcome, those left out among them.

        A row that was left out has the category of its scenario, where another row names it.
        """
        counts = Counter(self._outcomes)
        for scenario, outcome in self._uncategorised:
            counts[self._categories.get(scenario, UNKNOWN), outcome] += 1
        by_category: dict[str, Counter[str]] = defaultdict(Counter)
        for (category, outcome), count in counts.items():
            by_category[category][outcome] += count
        return cross_table(by_category, OUTCOMES)

    def reasons_by_outcome(self) -> CrossTable:
        """Rows that were left out, by reason and outcome."""
        return cross_table(self.reasons, (*OUTCOMES, "no completion"))

    def rows_by_source(self) -> CrossTable:
        """Rows by source and set."""
        return cross_table(self.sources, ("ds", "dr", "eval", "rejected"))

    def tools_called(self) -> CrossTable:
        """Rows by the tool that decided them, and set."""
        return cross_table(self.tools, ("ds", "dr"), keep_empty=True)

    def histograms(self) -> dict[str, Histogram]:
        """Lengths of prompts and completions of Ds and Dr, where there are any."""
        found = {}
        for what, by_set in self.lengths.items():
            given = {name: by_set[name] for name in ("ds", "dr") if by_set.get(name)}
            if given:
                found[what] = histogram(given)
        return found


def cross_table(
    counts: Mapping[str, Mapping[str, int]], columns: Iterable[str], *, keep_empty: bool = False
) -> CrossTable:
    """A table of counts, the largest row first, without columns that nothing falls in.

    Example:
        >>> cross_table({"a": {"x": 1}, "b": {"x": 2}}, ["x", "y"]).rows
        [('b', [2], 2), ('a', [1], 1)]
    """
    used = [c for c in columns if keep_empty or any(own.get(c) for own in counts.values())]
    rows = [
        (name, [own.get(column, 0) for column in used], sum(own.values()))
        for name, own in counts.items()
    ]
    return CrossTable(used, sorted(rows, key=lambda row: (-row[2], row[0])))


def histogram(lengths: Mapping[str, Sequence[int]], bins: int = _BINS) -> Histogram:
    """Lengths of several sets over common bins.

    Example:
        >>> found = histogram({"ds": [1, 2, 3, 4], "dr": [4]}, bins=3)
        >>> found.series["ds"]["shares"], found.series["dr"]["shares"]
        ([0.25, 0.25, 0.5], [0.0, 0.0, 1.0])
    """
    everything = sorted(length for own in lengths.values() for length in own)
    low, high = max(1, everything[0]), max(2, everything[-1])
    logarithmic = high / low > _WIDE
    if logarithmic:
        edges = [low * (high / low) ** (n / bins) for n in range(bins + 1)]
    else:
        # Whole tokens: a bin that holds fewer numbers than its neighbour looks like a gap.
        width = max(1, math.ceil((high - low) / bins))
        count = max(1, math.ceil((high - low) / width))
        edges = [float(low + n * width) for n in range(count + 1)]
    series = {}
    for name, own in lengths.items():
        counts = [0] * (len(edges) - 1)
        for length in own:
            counts[min(max(bisect_right(edges, length) - 1, 0), len(counts) - 1)] += 1
        ordered = sorted(own)
        series[name] = {
            "shares": [count / len(own) for count in counts],
            "counts": counts,
            "rows": len(own),
            "median": ordered[len(ordered) // 2],
            "largest": ordered[-1],
        }
    return Histogram(edges, logarithmic, series)
