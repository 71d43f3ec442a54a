"""Gate: Ds and Dr cannot be told apart by length alone, and fit the trainer's context.

In: rows of Ds and Dr with token ids. Out: how far the lengths of their prompts and completions lie
apart. A breaker that can go by length need not look at what is said.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import Annotated, Any

from cb_datasets.gates.gate import Gate, GateOptions
from cb_datasets.gates.result import GateResult, NotRun
from cb_datasets.gates.row import Failures, GatedRow
from cb_datasets.gates.row_tokens import holds_no_ids
from cb_datasets.gates.shapes import NO_TOKENIZER
from cb_datasets.options import Option
from cb_datasets.quoting import printable

_LENGTH_ADVICE = (
    "Length alone tells Ds from Dr: add rows of Dr that are as long as those of Ds (benign twins, "
    "attacked scenarios in which the model did right), or leave out what is far longer or shorter."
)
_CONTEXT_ADVICE = (
    "Rows are longer than the context that was given: train with a longer one, or leave them out; "
    "cut off at the end, they lose the call."
)
_PARTS = ("prompt", "completion")
_ENOUGH = 20
_CRITICAL = 1.63
"""Of the two-sample Kolmogorov-Smirnov test at 1 %: few rows differ by chance."""

Lengths = Counter[int]


class LengthMatchOptions(GateOptions, total=False):
    """How far lengths may lie apart."""

    max_length_distance: Annotated[
        float,
        Option(
            0.5,
            "Distance (Kolmogorov-Smirnov) that the token lengths of Ds and Dr may have.",
            ge=0,
            le=1,
        ),
    ]
    context: Annotated[
        int | None,
        Option(None, "Tokens that the trainer's context holds; None for any number.", ge=0),
    ]
    max_beyond_context: Annotated[
        float, Option(0.05, "Share of rows that may be longer.", ge=0, le=1)
    ]


class LengthMatch:
    """The lengths of Ds and Dr are no further apart than 0.5, beyond what chance does.

    The distance is the two-sample Kolmogorov-Smirnov statistic: at d, the best cut by length puts
    (1 + d) / 2 of the rows on the right side. Compared are like with like, rows of Dr that call a
    tool, unless there are fewer than 20; refusals and answers are short by nature. `context` adds
    that at most 5 % of the rows of a set are longer, prompt and completion together.

    Measured (prompts, completions): 0.37 and 0.11 in the demo build (180 rows of Ds), 0.57 and 0.27
    in a build of AgentDojo (61), whose attacks won in the suites with the shortest prompts: so few
    rows may be 0.72 apart.
    """

    def __init__(self, options: LengthMatchOptions) -> None:
        self._options = options
        self._lengths: dict[tuple[str, str, bool], Lengths] = defaultdict(Counter)
        self._beyond = Failures(options["max_listed"])
        self._beyond_of: Counter[str] = Counter()
        self._rows: Counter[str] = Counter()
        self._seen = self._without = 0

    def add(self, row: GatedRow) -> None:
        """Count the tokens of one row."""
        sizes = [_size(row.row.get(f"{part}_token_ids")) for part in _PARTS]
        self._seen += 1
        self._without += holds_no_ids(row)
        if 0 in sizes:
            return
        self._rows[row.set] += 1
        calls = bool(row.parsed and row.parsed.calls)
        for part, size in zip(_PARTS, sizes, strict=True):
            self._lengths[row.set, part, calls][size] += 1
        context = self._options["context"]
        if context is not None and sum(sizes) > context:
            self._beyond_of[row.set] += 1
            self._beyond.add(row, f"{sum(sizes)} tokens, {context} are in the context")

    def result(self) -> GateResult | NotRun:
        """The larger of the two distances."""
        if self._seen and self._without == self._seen:
            return NotRun(NO_TOKENIZER)
        if not (self._rows["ds"] and self._rows["dr"]):
            return NotRun("rows of Ds and Dr with token ids are needed")
        options = self._options
        calling = self._calling()
        against = "rows of Dr that call a tool" if calling else "all rows of Dr"
        parts, limits = {}, {}
        for part in _PARTS:
            ds, dr = self._of("ds", part, False), self._of("dr", part, calling)
            parts[part] = distance(ds, dr)
            by_chance = _by_chance(ds.total(), dr.total())
            limits[part] = min(options["max_length_distance"] + by_chance, 1.0)
        worst = max(parts, key=lambda part: parts[part] - limits[part])
        apart = [part for part in _PARTS if parts[part] > limits[part]]
        shares = {name: self._beyond_of[name] / rows for name, rows in self._rows.items()}
        over = [name for name, share in shares.items() if share > options["max_beyond_context"]]
        summary = ", ".join(f"{part}s {parts[part]:.2f}" for part in _PARTS)
        summary = f"Lengths of Ds against {against}: {summary} apart."
        if options["context"] is not None:
            beyond = ", ".join(f"{share:.1%} of {name}" for name, share in shares.items())
            summary += f" Longer than {options['context']} tokens: {beyond}."
        return GateResult(
            passed=not apart and not over,
            value=parts[worst],
            threshold=limits[worst],
            summary=summary,
            failing=tuple(self._beyond.named),
            failing_count=self._beyond.count,
            advice=((_LENGTH_ADVICE,) if apart else ()) + ((_CONTEXT_ADVICE,) if over else ()),
            details=self._details(against, limits, shares),
        )

    def _calling(self) -> bool:
        """Whether enough rows of Dr call a tool to be compared on their own."""
        return self._lengths["dr", _PARTS[0], True].total() >= _ENOUGH

    def _of(self, name: str, part: str, calling: bool) -> Lengths:
        rows = self._lengths[name, part, True]
        return rows if calling else rows + self._lengths[name, part, False]

    def _details(
        self, against: str, limits: dict[str, float], shares: dict[str, float]
    ) -> dict[str, Any]:
        found: dict[str, Any] = {"against": against, "rows": dict(self._rows)}
        for part in _PARTS:
            ds, dr = self._of("ds", part, False), self._of("dr", part, False)
            found[part] = {
                "distance": distance(ds, self._of("dr", part, self._calling())),
                "distance_from_all_of_dr": distance(ds, dr),
                "allowed": limits[part],
                "median": {"ds": _median(ds), "dr": _median(dr)},
                "longest": {"ds": max(ds), "dr": max(dr)},
            }
        if self._options["context"] is not None:
            found["context"] = self._options["context"]
            found["beyond_context"] = {printable(name): share for name, share in shares.items()}
        return found


def distance(first: Lengths, second: Lengths) -> float:
    """The two-sample Kolmogorov-Smirnov statistic of two counts of lengths, 0 to 1.

    Example:
        >>> distance(Counter({3: 2, 5: 2}), Counter({3: 1, 9: 1}))
        0.5
    """
    largest, seen = 0.0, [0, 0]
    for length in sorted(first.keys() | second.keys()):
        seen = [seen[0] + first[length], seen[1] + second[length]]
        largest = max(largest, abs(seen[0] / first.total() - seen[1] / second.total()))
    return largest


def _by_chance(first: int, second: int) -> float:
    return _CRITICAL * math.sqrt((first + second) / (first * second))


def _median(lengths: Lengths) -> int:
    seen = 0
    for length in sorted(lengths):
        seen += lengths[length]
        if 2 * seen >= lengths.total():
            break
    return length


def _size(ids: Any) -> int:
    return len(ids) if isinstance(ids, (list, tuple)) else 0


GATE = Gate(
    name="length_match",
    title="Length alone does not tell Ds from Dr, and rows fit the context",
    check=LengthMatch,
    options=LengthMatchOptions,
    needs=("ds", "dr"),
    number=10,
)
