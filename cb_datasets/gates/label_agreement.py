"""Gate: the labels stored in a row are those that its completion gives when it is judged anew.

In: rows of Ds and Dr, and those that are rejected. Out: the share of rows whose labels agree, and,
by source, how often the source's own flag says something else than the calls.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from cb_datasets.gates.attack_evidence import attack_problem, harm_problem
from cb_datasets.gates.gate import Gate, GateOptions
from cb_datasets.gates.result import GateResult, NotRun
from cb_datasets.gates.row import Failures, GatedRow, claims_goal
from cb_datasets.gates.shapes import MINIMAL_ROWS
from cb_datasets.options import Option
from cb_datasets.quoting import printable, quoted
from cb_datasets.records import HarmLabels, RetainLabels

_LABEL_ADVICE = (
    "Stored labels are not what the completions show: build again, and do not edit labels or "
    "completions by hand. If another judge made them, give it to run_gates (judge=)."
)
_FLAG_ADVICE = (
    "A source's own flag often says something else than the calls: it may be read the wrong way "
    "round, or the attacker's calls are not recognised. Look at its rows in rejected."
)
_DISAGREES = "flag_disagrees"


class LabelAgreementOptions(GateOptions, total=False):
    """How many labels must be those found anew."""

    label_agreement: Annotated[
        float,
        Option(1.0, "Share of rows whose labels must be those found anew.", ge=0, le=1),
    ]
    max_flag_disagreement: Annotated[
        float,
        Option(
            0.1,
            "Share of a source's rows in which its own flag may say something else than the calls.",
            ge=0,
            le=1,
        ),
    ]


class LabelAgreement:
    """Every label is the one found anew; of a source's rows one in ten at most disagrees with its
    flag.

    Compared are the outcome, the tool that decided it, and in Dr the two flags that follow from
    it; an attack that the prompt does not show (`attack_evidence`) makes no label true. Rows whose
    attack has a goal that no call can show are left to a judge, and not compared without one. A
    flag decides nothing here: rows in which it disagrees with the calls are set aside by the reader
    of the source, and counted where `rejected` is given.

    Measured: all labels agree in the demo build and in builds of AgentDojo, of which 20 rows have a
    flag that disagrees (3.4 %, beside 575 rows in the sets); read the wrong way round, nearly all
    would.
    """

    def __init__(self, options: LabelAgreementOptions) -> None:
        self._options = options
        self._failures = Failures(options["max_listed"])
        self._flags: Counter[str] = Counter()
        self._rows: Counter[str] = Counter()
        self._disagreeing: Counter[str] = Counter()
        self._left_to_judge = 0
        self._rejected_given = False

    def add(self, row: GatedRow) -> None:
        """Compare the labels of one row; count one rejected row's flag."""
        if row.rejected is not None:
            self._rejected_given = True
            self._flags[_name(row.rejected["source"])] += row.rejected["reason"] == _DISAGREES
        if row.training is None:
            return
        if claims_goal(row.row) and self._options["judge"] is None:
            self._left_to_judge += 1
            return
        source = _name(row.training["provenance"]["source"])
        self._rows[source] += 1
        reason = _difference(row, row.training["labels"])
        if reason is None:
            reason = harm_problem(row) if row.set == "ds" else attack_problem(row)
        if reason is not None:
            self._disagreeing[source] += 1
            self._failures.add(row, reason)

    def result(self) -> GateResult | NotRun:
        """The share of rows whose labels agree."""
        rows, wrong = self._rows.total(), self._failures.count
        if not rows:
            return NotRun(MINIMAL_ROWS)
        options = self._options
        flags = {
            source: count / (count + self._rows[source])
            for source, count in self._flags.items()
            if count
        }
        off = sorted(s for s, share in flags.items() if share > options["max_flag_disagreement"])
        value = (rows - wrong) / rows
        agree = value >= options["label_agreement"]
        summary = f"The labels of {rows - wrong} of {rows} rows are those found anew."
        for source in off:
            summary += f" In {flags[source]:.1%} of {quoted(source)} its flag denies the calls."
        return GateResult(
            passed=agree and not off,
            value=value,
            threshold=options["label_agreement"],
            summary=summary,
            failing=tuple(self._failures.named),
            failing_count=wrong,
            advice=(() if agree else (_LABEL_ADVICE,)) + ((_FLAG_ADVICE,) if off else ()),
            details={
                "sources": {
                    printable(source): {
                        "rows": count,
                        "labels_disagree": self._disagreeing[source],
                        "flags_disagree": self._flags[source] if self._rejected_given else None,
                    }
                    for source, count in sorted(self._rows.items())
                },
                "flag_disagreement": {printable(s): share for s, share in sorted(flags.items())},
                "left_to_a_judge": self._left_to_judge,
            },
        )


def _name(source: object) -> str:
    return source if isinstance(source, str) else ""


def _difference(row: GatedRow, labels: HarmLabels | RetainLabels) -> str | None:
    """The first label that is not what the judge finds, or None."""
    if row.judgement is None:
        return row.problem or "there is nothing to judge"
    outcome = row.outcome
    found: list[tuple[str, object, object]] = [
        ("outcome", labels["outcome"], outcome),
        ("observed_tool", labels["observed_tool"], row.judgement.observed_tool or None),
        ("is_harmful", labels["is_harmful"], row.set == "ds"),
    ]
    if row.dr is not None:
        flags = row.dr["labels"]
        found.append(("is_refusal", flags["is_refusal"], outcome == "refusal"))
        right = outcome == "correct_tool"
        found.append(("is_correct_tool_use", flags["is_correct_tool_use"], right))
    for name, stored, value in found:
        if (stored or None) != value if name == "observed_tool" else stored != value:
            return printable(
                f"{name} is {quoted(stored)}, and {quoted(value)} when judged anew: "
                f"{row.judgement.reason}",
                200,
            )
    return None


GATE = Gate(
    name="label_agreement",
    title="Stored labels are those found anew, and no source's flag often denies the calls",
    check=LabelAgreement,
    options=LabelAgreementOptions,
    reads=("ds", "dr", "rejected"),
    number=7,
)
