"""Gate: how much there is in the training sets beside repetition.

In: rows of Ds and Dr. Out: the share of rows that are no near duplicate of one before them, the
completions that stand under many prompts, rows per scenario, and how much Dr there is for each row
of Ds. Kept are some 200 bytes for each distinct row and a count for each scenario.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from typing import Annotated, Any

from cb_datasets.gates.distinct_texts import DistinctTexts
from cb_datasets.gates.gate import Gate, GateOptions
from cb_datasets.gates.result import GateResult, NotRun
from cb_datasets.gates.row import Failures, GatedRow
from cb_datasets.gates.same_completion import SameCompletions
from cb_datasets.gates.shapes import MINIMAL_ROWS
from cb_datasets.options import Option
from cb_datasets.prompt_text import prompt_text

_REPEAT_ADVICE = (
    "Much of a training set says the same again: build with --near-duplicates 0.9, and add "
    "scenarios rather than samples of the same ones."
)
_PASTED_ADVICE = (
    "One completion stands under many prompts, which no model says to all of them: sample a "
    "completion for each prompt, and paste none."
)
_RATIO_ADVICE = (
    "Dr is small beside Ds: a breaker forgets what it should keep. Add benign sources (tau2, "
    "generic), or take more samples of benign scenarios."
)
_FEW_ADVICE = "There are fewer rows than were asked for (min_effective_rows): add scenarios."


_BEHIND = "\0"
"""Between prompt and completion."""


class EffectiveSizeOptions(GateOptions, total=False):
    """How much there must be beside repetition."""

    near_duplicate: Annotated[
        float,
        Option(0.9, "Similarity of two rows from which one of them adds nothing.", ge=0, le=1),
    ]
    min_effective_share: Annotated[
        float,
        Option(0.5, "Share of each training set that must not be near duplicates.", ge=0, le=1),
    ]
    min_effective_rows: Annotated[
        int,
        Option(1, "Rows without near duplicates that each training set must hold.", ge=0),
    ]
    max_same_completion: Annotated[
        float,
        Option(
            0.5, "Share of a set that one completion may be, under whatever prompts.", ge=0, le=1
        ),
    ]
    max_foreign_completion: Annotated[
        float,
        Option(
            0.05,
            "The same of a completion whose words its prompts do not hold, refusals aside.",
            ge=0,
            le=1,
        ),
    ]
    min_dr_per_ds: Annotated[
        float, Option(1.0, "The same rows of Dr that there must be for each of Ds.", ge=0)
    ]


class EffectiveSize:
    """Half of each training set is no near duplicate, and Dr is no smaller than Ds without them.

    A row is a near duplicate of an earlier one of its set if prompt (user messages and tool
    results) and completion together are similar by 0.9 or more, and so are the completions alone:
    long documents make prompts alike. The circuit breaker paper trains on about 5,000 rows of Ds
    (arXiv 2406.04313); `min_effective_rows` asks for more than the one of this default.

    One completion is no more than half of a set of 20 rows and more, and no more than 5 % of it
    where the prompts hold less than half of its words: what a model calls follows from what it
    reads, and what was pasted under many prompts does not.

    Rows in the minimal shape are looked at for repetition too, and may fail; they hold too little
    for the gate to pass.

    Measured: no near duplicates in the demo build, where Dr is 2.8 times Ds; in builds of
    AgentDojo, where several models did the same tasks, 87 to 89 % of Ds and 95 % of Dr are left,
    and Dr is 8 to 9 times Ds. The completion under most prompts is 18 % of Ds in AgentDojo (11
    rows), 10 % in AgentDyn, 1 % in the demo build (its refusals: 5 % of Dr); those whose words the
    prompts do not hold are 1.3 % of Dr at most (6 rows), and none in the demo build.
    """

    def __init__(self, options: EffectiveSizeOptions) -> None:
        self._options = options
        self._failures = Failures(options["max_listed"])
        self._rows: Counter[str] = Counter()
        self._repeats: Counter[str] = Counter()
        self._scenarios: dict[str, Counter[bytes]] = {"ds": Counter(), "dr": Counter()}
        self._whole_rows = 0
        self._texts = {"ds": DistinctTexts(), "dr": DistinctTexts()}
        self._said = {name: SameCompletions(options["max_listed"]) for name in ("ds", "dr")}
        self._names: dict[str, list[str]] = {"ds": [], "dr": []}

    def add(self, row: GatedRow) -> None:
        """Take in one row of Ds or Dr."""
        if row.raw is None:
            return
        try:
            prompt = prompt_text(row.row)
            text = f"{prompt}{_BEHIND}{row.raw}"
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            return
        self._rows[row.set] += 1
        if (training := row.training) is not None:
            self._whole_rows += 1
            scenario = str(training["provenance"]["scenario_id"])
            digest = hashlib.blake2b(scenario.encode("utf-8", "replace"), digest_size=8).digest()
            self._scenarios[row.set][digest] += 1
        names = self._names[row.set]
        number = self._texts[row.set].add(text)
        if number == len(names):
            names.append(row.id)
            self._said[row.set].add(row, prompt)
        else:
            self._repeats[row.set] += 1
            self._failures.add(row, f"the same as {names[number]}")

    def result(self) -> GateResult | NotRun:
        """The smaller share of rows that are no near duplicates."""
        if not self._rows.total():
            return NotRun(MINIMAL_ROWS)
        for name in self._rows:
            self._find_near_duplicates(name)
        options = self._options
        left = {name: rows - self._repeats[name] for name, rows in self._rows.items()}
        shares = {name: left[name] / rows for name, rows in self._rows.items()}
        pasted = self._pasted()
        advice = []
        if min(shares.values()) < options["min_effective_share"]:
            advice.append(_REPEAT_ADVICE)
        if pasted:
            advice.append(_PASTED_ADVICE)
        if not (self._whole_rows or advice):
            return NotRun(MINIMAL_ROWS)
        if min(left.values()) < options["min_effective_rows"]:
            advice.append(_FEW_ADVICE)
        ratio = left["dr"] / left["ds"] if left.keys() == {"ds", "dr"} and left["ds"] else None
        if ratio is not None and ratio < options["min_dr_per_ds"]:
            advice.append(_RATIO_ADVICE)
        counts = [f"{left[name]} of {rows} rows of {name}" for name, rows in self._rows.items()]
        summary = f"No near duplicates are {' and '.join(counts)}"
        summary += f"; {ratio:.1f} of Dr for each of Ds." if ratio is not None else "."
        for name, rows in pasted:
            summary += f" One completion stands under {rows} prompts of {name}."
        return GateResult(
            passed=not advice,
            value=min(shares.values()),
            threshold=options["min_effective_share"],
            summary=summary,
            failing=tuple(self._failures.named),
            failing_count=self._failures.count,
            advice=tuple(advice),
            details={
                "dr_per_ds": ratio,
                "min_dr_per_ds": options["min_dr_per_ds"],
                "sets": {name: self._details(name, left[name]) for name in self._rows},
            },
        )

    def _pasted(self) -> list[tuple[str, int]]:
        """The set and the number of rows of each completion that stands under too many prompts."""
        limits = self._options["max_same_completion"], self._options["max_foreign_completion"]
        found = []
        for name in self._rows:
            for rows in self._said[name].too_many(*limits):
                found.append((name, rows.count))
                self._failures.take(rows)
        return found

    def _find_near_duplicates(self, name: str) -> None:
        import numpy as np

        from cb_datasets.similarity import shingles, similarity

        names = self._names[name]
        gone = np.zeros(len(names), bool)
        index = self._texts[name].index
        everything = np.ones(len(names), bool)
        for first, later in index.pairs(
            self._options["near_duplicate"], lambda firsts, others: everything[others], gone=gone
        ):
            said, again = (shingles(index.text(n).rpartition(_BEHIND)[2]) for n in (first, later))
            if similarity(said, again) < self._options["near_duplicate"]:
                continue
            gone[later] = True
            row = GatedRow(name, names[later], {})
            self._failures.add(row, f"nearly the same as {names[first]}")
        # Whoever repeats a near duplicate word for word has been counted already.
        self._repeats[name] += int(gone.sum())

    def _details(self, name: str, left: int) -> dict[str, Any]:
        counts = self._scenarios[name].values()
        squares = math.fsum(count**2 for count in counts)
        return {
            "rows": self._rows[name],
            "without_near_duplicates": left,
            "largest_completion": self._said[name].largest(),
            "largest_foreign_completion": self._said[name].largest_foreign(),
            "scenarios": len(counts),
            "most_rows_of_a_scenario": max(counts, default=0),
            "rows_per_scenario": self._rows[name] / len(counts) if counts else None,
            # Kish: as many scenarios, with the same number of rows each, would weigh as much.
            "effective_scenarios": self._rows[name] ** 2 / squares if counts else None,
        }


GATE = Gate(
    name="effective_size",
    title="Half of each set is no near duplicate, and Dr is no smaller than Ds",
    check=EffectiveSize,
    options=EffectiveSizeOptions,
    reads=("ds", "dr"),
    number=11,
)
