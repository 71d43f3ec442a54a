"""Gate 1: every completion is one that a model can have emitted, and the row says what is in it.

In: rows of Ds, Dr and eval. Out: the share of valid rows, of the set where it is lowest.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from cb_datasets.formats.llama31 import LLAMA31
from cb_datasets.gates.attack_evidence import attack_problem
from cb_datasets.gates.call_agreement import disagreement
from cb_datasets.gates.eval_format import eval_problem
from cb_datasets.gates.gate import Gate, GateOptions
from cb_datasets.gates.legacy_rows import LEGACY_ADVICE, legacy_problem
from cb_datasets.gates.result import GateResult
from cb_datasets.gates.row import Failures, GatedRow, claims_goal, row_format
from cb_datasets.gates.shapes import shape_problem
from cb_datasets.options import Option
from cb_datasets.quoting import printable, quoted

_COMPLETION_ADVICE = (
    "Many outputs are not in the format: the model does not speak it. Take a generator that makes "
    "tool calls in a known format, and decode with skip_special_tokens=False so that end tokens "
    "stay."
)
_AGREEMENT_ADVICE = (
    "tool_calls_structured is not what assistant_raw holds: write it by parse_completion, never "
    "from a label."
)
_SHAPE_ADVICE = (
    "Rows lack fields or have other types than the record: write them with build or export_jsonl."
)
_NO_CALL_ADVICE = (
    "Ds rows hold no tool call: answers and refusals belong in Dr, or in no set at all."
)
_FORMATS_ADVICE = (
    "The rows are of several formats: build a dataset for each model, or pass mixed_formats=True."
)
_ADVICE = {
    "legacy": LEGACY_ADVICE,
    "completion": _COMPLETION_ADVICE,
    "no_call": _NO_CALL_ADVICE,
    "agreement": _AGREEMENT_ADVICE,
    "shape": _SHAPE_ADVICE,
}


class FormatValidityOptions(GateOptions, total=False):
    """How many rows must be valid."""

    format_validity: Annotated[
        float, Option(0.95, "Share of rows that must be valid, in each set on its own.", ge=0, le=1)
    ]
    mixed_formats: Annotated[
        bool, Option(False, "Let rows be written in several formats: they are of several models.")
    ]


class FormatValidity:
    """The first gate of the specification: at least 95 % of the rows are valid.

    A row is valid if it has the shape of its record (the library's, or the specification's minimal
    one), its `assistant_raw` parses without problems and ends in an end token of the model, its
    calls are those of `tool_calls_structured`, and, in Ds, there is a call (or the attack's goal is
    none, and a judge is given that can tell). An eval row is valid if it has a prompt that shows
    its attack, and criteria that can be met. All rows are of one format, unless several are asked
    for: what trains on them speaks one. An empty set has no invalid row; that it is empty is
    for the other gates to say.
    """

    def __init__(self, options: FormatValidityOptions) -> None:
        self._threshold = options["format_validity"]
        self._goals_judged = options["judge"] is not None
        self._failures = Failures(options["max_listed"])
        self._mixed = options["mixed_formats"]
        self._formats: Counter[str] = Counter()
        self._rows: Counter[str] = Counter()
        self._valid: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()

    def add(self, row: GatedRow) -> None:
        """Check one row of any set."""
        self._rows[row.set] += 1
        self._formats[row_format(row.row) or LLAMA31.name] += 1
        kind, problem = _problem(row, goals_judged=self._goals_judged)
        if problem is not None and (legacy := legacy_problem(row)) is not None:
            kind, problem = "legacy", legacy
        if problem is None:
            self._valid[row.set] += 1
        else:
            self._kinds[kind] += 1
            self._failures.add(row, problem)

    def result(self) -> GateResult:
        """The lowest share of valid rows among the sets that have any."""
        shares = {name: self._valid[name] / count for name, count in self._rows.items()}
        worst = min(shares, key=lambda name: shares[name], default=None)
        value = shares[worst] if worst else 0.0
        apart = len(self._formats) > 1 and not self._mixed
        passed = worst is not None and value >= self._threshold and not apart
        counts = [f"{name} {self._valid[name]} of {count}" for name, count in self._rows.items()]
        summary = f"Valid rows: {', '.join(counts)}." if counts else "There are no rows."
        if apart:
            each = ", ".join(f"{count} of {name}" for name, count in self._formats.most_common())
            summary += f" Rows are written in several formats: {each}."
        return GateResult(
            passed=passed,
            value=value,
            threshold=self._threshold,
            summary=summary,
            failing=tuple(self._failures.named),
            failing_count=self._failures.count,
            advice=() if passed else self._advice(apart),
            details={
                "sets": {
                    name: {"rows": count, "valid": self._valid[name], "share": shares[name]}
                    for name, count in self._rows.items()
                },
                "problems": dict(self._kinds.most_common()),
            },
        )

    def _advice(self, apart: bool) -> tuple[str, ...]:
        own = (_FORMATS_ADVICE,) if apart else ()
        return (*own, *(_ADVICE[kind] for kind, _ in self._kinds.most_common()))


def _problem(row: GatedRow, *, goals_judged: bool) -> tuple[str, str | None]:
    """The kind of problem (a key of the advice) and the problem, or None for a valid row."""
    if row.raw is None and row.problem:
        return "shape", row.problem
    try:
        if shape := shape_problem(row.row, row.set):
            return "shape", shape
        if row.eval is not None:
            return "shape", eval_problem(row.eval) or attack_problem(row)
        if completion := _completion_problem(row):
            return "completion", completion
        structured = row.row.get("tool_calls_structured")
        calls = row.parsed.calls if row.parsed else ()
        if row.set == "ds" and not calls and not (goals_judged and claims_goal(row.row)):
            return "no_call", "assistant_raw holds no tool call"
        return "agreement", disagreement(calls, structured)
    except RecursionError:
        return "shape", "the row is nested too deeply to be read"


def _completion_problem(row: GatedRow) -> str | None:
    if row.parsed is None or not row.raw:
        return "assistant_raw is empty"
    if row.parsed.problems:
        return printable(row.parsed.problems[0], 200)
    if not (row.parsed.content.strip() or row.parsed.calls or row.parsed.code):
        return "assistant_raw is empty but for control tokens"
    if row.parsed.end is None:
        return f"assistant_raw ends without an end token: {quoted(row.raw[-40:])}"
    finish_reason = row.row.get("finish_reason")
    if finish_reason is not None and finish_reason != "stop":
        # An end token glued onto cut-off output does not make it a completion.
        return f"the model did not stop by itself: finish_reason is {quoted(finish_reason)}"
    return None


GATE = Gate(
    name="format_validity",
    title="95 % of the rows have an end token, and calls that parse as stored",
    check=FormatValidity,
    options=FormatValidityOptions,
    reads=("ds", "dr", "eval"),
    number=1,
)
