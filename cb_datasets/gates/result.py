"""What gates report: a result per gate, and the report that holds them.

In: the tallies of the gates. Out: frozen results with value, threshold, failing rows and advice;
as plain types for `gates.json` (`to_dict`) and as Markdown for the card (`to_markdown`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cb_datasets.markdown import Markdown, bullets, heading, inline, table

_MARKDOWN_ROWS = 10
_FAIL = Markdown("**FAIL**")

DRY_RUN_ADVICE = (
    "Try other options with --dry-run, which writes nothing; what was sampled is found again."
)


@dataclass(frozen=True, slots=True)
class FailingRow:
    """A row that counts against a gate.

    Attributes:
        set: The set it is in: "ds", "dr", "pairs" or "eval".
        id: Its id, made printable; `row N of ds` where it has none.
        reason: What is wrong with it, one sentence.
    """

    set: str
    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class GateResult:
    """What one gate found.

    Attributes:
        passed: Whether the set is fit to train on, as far as this gate can tell.
        value: What was measured.
        threshold: What it was measured against.
        summary: The finding in one sentence.
        failing: The first rows that count against the gate; a gate with a tolerance may pass
            in spite of some.
        failing_count: How many there are in all.
        advice: What to do about it; empty where the gate passed.
        details: The figures behind the value, plain types only.
        name: Name of the gate; `run_gates` writes it in.
    """

    passed: bool
    value: float
    threshold: float
    summary: str
    failing: tuple[FailingRow, ...] = ()
    failing_count: int = 0
    advice: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""

    @property
    def failing_ids(self) -> tuple[str, ...]:
        """The ids of `failing`."""
        return tuple(row.id for row in self.failing)

    def to_dict(self) -> dict[str, Any]:
        """The result in plain types, as it stands in `gates.json`."""
        return {
            "passed": self.passed,
            "value": self.value,
            "threshold": self.threshold,
            "summary": self.summary,
            "failing_count": self.failing_count,
            "failing": [asdict(row) for row in self.failing],
            "advice": list(self.advice),
            "details": dict(self.details),
        }

    @classmethod
    def from_dict(cls, name: str, found: Mapping[str, Any]) -> GateResult:
        """The result that `to_dict` gave."""
        return cls(
            passed=found["passed"],
            value=found["value"],
            threshold=found["threshold"],
            summary=found["summary"],
            failing=tuple(FailingRow(**row) for row in found["failing"]),
            failing_count=found["failing_count"],
            advice=tuple(found["advice"]),
            details=found["details"],
            name=name,
        )


@dataclass(frozen=True, slots=True)
class NotRun:
    """That a gate had nothing to decide by, and why; it neither passes nor fails."""

    reason: str


@dataclass(frozen=True, slots=True)
class GateReport:
    """The results of all gates that were run.

    Attributes:
        results: Result by name of the gate, in the order of the gates.
        rows: Rows read, by set.
        skipped: Gates that were not run, each with the reason.

    Example:
        >>> from cb_datasets.gates import run_gates
        >>> report = run_gates(ds=[])
        >>> report.passed, report.results["harmful_rate"].summary
        (False, 'Ds holds no rows, so no harmful compliance either.')
    """

    results: Mapping[str, GateResult]
    rows: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every gate that was run passed; `verdict` names those that were not."""
        return all(result.passed for result in self.results.values())

    @property
    def verdict(self) -> str:
        """How many gates hold, and which failed or were not run, in one sentence.

        A gate that was not run has not passed: nothing is known of what it checks.
        """
        failed = [name for name, result in self.results.items() if not result.passed]
        known = len(self.results)
        parts = [f"{known - len(failed)} of {known + len(self.skipped)} gates hold"]
        parts += [f"failed: {', '.join(failed)}"] if failed else []
        parts += [f"not run: {', '.join(self.skipped)}"] if self.skipped else []
        return "; ".join(parts) + "."

    @property
    def advice(self) -> tuple[str, ...]:
        """What the failed gates advise, each piece once; empty where all passed."""
        if self.passed:
            return ()
        pieces = [piece for result in self.results.values() for piece in result.advice]
        return tuple(dict.fromkeys([*pieces, DRY_RUN_ADVICE]))

    def to_dict(self) -> dict[str, Any]:
        """The report in plain types: `json.dumps` takes it as it is."""
        return {
            "passed": self.passed,
            "verdict": self.verdict,
            "rows": dict(self.rows),
            "results": {name: result.to_dict() for name, result in self.results.items()},
            "skipped": dict(self.skipped),
            "advice": list(self.advice),
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> GateReport:
        """The report that `to_dict` gave."""
        results = found["results"].items()
        return cls(
            results={name: GateResult.from_dict(name, result) for name, result in results},
            rows=found["rows"],
            skipped=found["skipped"],
        )

    def to_markdown(self) -> str:
        """The report as a table, with a section for each gate that failed."""
        rows = [
            (
                result.name,
                "pass" if result.passed else _FAIL,
                f"{result.value:.4g}",
                f"{result.threshold:.4g}",
                result.summary,
            )
            for result in self.results.values()
        ]
        rows += [(name, "not run", "", "", reason) for name, reason in self.skipped.items()]
        blocks = [
            inline(self.verdict),
            table(("gate", "", "value", "threshold", "finding"), rows, "llrrl"),
        ]
        for result in self.results.values():
            if not result.passed:
                blocks += _section(result)
        if not self.passed:
            blocks.append(inline(DRY_RUN_ADVICE))
        return "\n\n".join(blocks) + "\n"


def _section(result: GateResult) -> list[Markdown]:
    blocks = [heading(3, f"{result.name} failed"), inline(result.summary)]
    if result.advice:
        blocks.append(bullets(result.advice))
    if result.failing:
        rows = [(row.set, row.id, row.reason) for row in result.failing[:_MARKDOWN_ROWS]]
        blocks.append(table(("set", "row", "reason"), rows, "lll"))
        if (more := result.failing_count - _MARKDOWN_ROWS) > 0:
            blocks.append(inline(f"and {more} more"))
    return blocks
