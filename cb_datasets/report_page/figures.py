"""The figures of the page, counted in one pass over the rows of all sets.

In: shown rows. Out: tables and histograms as plain data, which the template draws.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cb_datasets.records import OUTCOMES
from cb_datasets.report_page.shown_rows import ShownRow

UNKNOWN = "not recorded"
_BINS = 8


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


@dataclass
class Figures:
    """What is counted."""

    rows: Counter[str] = field(default_factory=Counter)
    generators: Counter[tuple[str, str]] = field(default_factory=Counter)
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
            self.generators[row.generator or UNKNOWN, row.origin] += 1
            self.tools[row.tool or "(no call)"][row.set] += 1
            found = {"prompt": row.prompt_tokens, "completion": row.completion_tokens}
            for what, length in found.items():
                if length is not None:
                    self.lengths[what][row.set.capitalize()].append(length)

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
        return cross_table(self.sources, ("ds", "dr", "pairs", "eval", "rejected"))

    def tools_called(self) -> CrossTable:
        """Rows by the tool that decided them, and set."""
        return cross_table(self.tools, ("ds", "dr"), keep_empty=True)

    def lengths_by_set(self) -> dict[str, CrossTable]:
        """Rows of Ds and Dr by length of prompt and completion, where there are any."""
        return {what: length_table(by_set) for what, by_set in self.lengths.items() if by_set}


def two_digits(value: object, beside: object = None) -> str:
    """A number with two digits behind the point, or more where it would look like another.

    Args:
        value: The number; anything else is shown as it is, as whole numbers are.
        beside: What it is measured against: the two look different if they are.

    Example:
        >>> two_digits(0.6559414947), two_digits(0.7999, 0.8), two_digits(0.0004), two_digits(3)
        ('0.66', '0.7999', '0.0004', '3')
    """
    if not isinstance(value, float):
        return str(value)
    others = [0.0, *([float(beside)] if isinstance(beside, (int, float)) else [])]
    for digits in (2, 3, 4):
        text = f"{value:,.{digits}f}"
        if all(other == value or text != f"{other:,.{digits}f}" for other in others):
            return text
    return f"{value:.4g}"


def cross_table(
    counts: Mapping[str, Mapping[str, int]], columns: Iterable[str], *, keep_empty: bool = False
) -> CrossTable:
    """A table of counts, the largest row first, without columns that nothing falls in.

    Example:
        >>> cross_table({"a": {"x": 1}, "b": {"x": 2}}, ["x", "y"]).rows
        [('b', [2], 2), ('a', [1], 1)]
    """
    used = [c for c in columns if keep_empty or any(counted.get(c) for counted in counts.values())]
    rows = [
        (name, [counted.get(column, 0) for column in used], sum(counted.values()))
        for name, counted in counts.items()
    ]
    return CrossTable(used, sorted(rows, key=lambda row: (-row[2], row[0])))


def length_table(lengths: Mapping[str, Sequence[int]]) -> CrossTable:
    """Rows of several sets by length: what differs between them is darker on one side.

    The bins hold about an equal share of all rows together, whatever the lengths are.

    Example:
        >>> length_table({"Ds": [1, 2], "Dr": [2, 3, 8]})
        CrossTable(columns=['to 1', 'to 2', 'to 3', 'to 8'], \
rows=[('Dr, median 3', [0, 1, 1, 1], 3), ('Ds, median 2', [1, 1, 0, 0], 2)])
    """
    everything = sorted(length for of_set in lengths.values() for length in of_set)
    edges = sorted({everything[n * len(everything) // _BINS - 1] for n in range(1, _BINS + 1)})
    counts = {
        f"{name}, median {sorted(of_set)[len(of_set) // 2]:,}": Counter(
            f"to {edges[bisect_left(edges, length)]:,}" for length in of_set
        )
        for name, of_set in lengths.items()
    }
    return cross_table(counts, [f"to {edge:,}" for edge in edges])
