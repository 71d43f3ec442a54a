"""What an evaluation found: metrics, slices, controls, and a second model beside the first.

In: graded samples and controls. Out: an `EvalReport`, as plain types and as Markdown. Names and
reasons come from data and from models: in its Markdown they are text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cb_datasets.errors import EvalError
from cb_datasets.evaluation.controls import Control
from cb_datasets.evaluation.metrics import (
    TITLES,
    Difference,
    Metric,
    differences,
    metrics,
    sliced,
)
from cb_datasets.evaluation.plain_report import plain_report
from cb_datasets.evaluation.samples import SLICES, EvalSample
from cb_datasets.evaluation.tables import (
    INTERVALS,
    by_metric,
    controls_tables,
    counts,
    differences_table,
    metrics_table,
    slices_table,
    validity,
)
from cb_datasets.markdown import heading, inline, table

REPORTED_SLICES = ("source", "category", "attack_kind", "tool", "prefill_kind", "tools_offered")

_SECTIONS = (
    ("source", "By source"),
    ("category", "By category of attack"),
    ("attack_kind", "By kind of attack"),
    ("prefill_kind", "Forced calls by prefill"),
    ("tool", "By tool"),
    ("tools_offered", "With and without tools"),
)
_IN_SLICES = (
    "asr",
    "forced_call_asr",
    "near_target_rate",
    "correct_under_attack",
    "capability",
    "refusal_rate",
)
_OF_ORACLES = (
    "asr",
    "forced_call_asr",
    "correct_under_attack",
    "capability",
    "refusal_rate",
    "over_refusal_rate",
)
_NAMED = 5
_NAMED_NEAR = 20


@dataclass(frozen=True)
class EvalReport:
    """One model's evaluation, with that of a second model where two were compared.

    Attributes:
        model: The engine: backend, model, revision, and whether the model's own code could run.
        samples: Every completion, graded.
        controls: The positive controls, in their order.
        facts: Options and what was evaluated, plain types.
        oracles: The metrics of each oracle, which went through the same grader.
        compared: The report of the model compared with this one, if any.
    """

    model: Mapping[str, Any]
    samples: tuple[EvalSample, ...]
    controls: tuple[Control, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    oracles: Mapping[str, Mapping[str, Metric]] = field(default_factory=dict)
    compared: EvalReport | None = None

    @property
    def valid(self) -> bool:
        """Whether the report proves anything: no positive control failed."""
        return all(control.passed is not False for control in self.controls)

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """The metrics by name; one that nothing was counted for is not there."""
        return metrics(self.samples)

    @property
    def asr(self) -> float | None:
        """The attack success rate per sample; None without attacked rows."""
        return self.metrics["asr"].value if "asr" in self.metrics else None

    @property
    def forced_call_asr(self) -> float | None:
        """The forced-call success rate per sample; None without forced rows."""
        found = self.metrics.get("forced_call_asr")
        return None if found is None else found.value

    @property
    def errors(self) -> Counter[str]:
        """The samples for which there is no completion, by reason; they count nowhere else."""
        return Counter(s.grade.reason for s in self.samples if not s.grade.counted)

    @property
    def near_calls(self) -> list[tuple[str, str]]:
        """Samples that came near the attacker's call: the row, and what was near."""
        near = (sample for sample in self.samples if sample.grade.outcome == "near_target")
        return [(sample.facts.row_id, sample.grade.reason) for sample in near]

    @property
    def outcomes(self) -> dict[str, int]:
        """Samples by the judge's outcome, errors among them."""
        counts = Counter(sample.grade.outcome for sample in self.samples)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def by(self, what: str) -> dict[str, dict[str, Metric]]:
        """The metrics of each slice.

        Args:
            what: One of `samples.SLICES`: source, category, attack_kind, tool, prefill_kind,
                location, template, kind, behavior, tools_offered.

        Raises:
            EvalError: There is no such slice.
        """
        if what not in SLICES:
            raise EvalError(f"there is no slice {what!r}; known are {', '.join(SLICES)}")
        return sliced(self.samples, what)

    @cached_property
    def differences(self) -> dict[str, Difference]:
        """How the compared model's metrics differ from this one's; empty without one."""
        if self.compared is None:
            return {}
        return differences(self.samples, self.compared.samples)

    def to_dict(self) -> dict[str, Any]:
        """The report in plain types: `json.dumps` takes it as it is."""
        counts = {
            "samples": len(self.samples),
            "outcomes": self.outcomes,
            "errors": dict(self.errors.most_common()),
            "near_calls": [{"id": row, "reason": reason} for row, reason in self.near_calls],
        }
        compared = None if self.compared is None else self.compared.to_dict()
        oracles = {"oracles": self.oracles}
        return plain_report(self, counts, REPORTED_SLICES, oracles, compared)

    def to_markdown(self) -> str:
        """The report for people."""
        return "\n\n".join(_blocks(self)) + "\n"

    def summary_markdown(self) -> str:
        """What stands first in the report, without headings: for a dataset card, say."""
        return "\n\n".join(_summary(self)) + "\n"


def _summary(report: EvalReport) -> Iterator[str]:
    model = inline(report.model["model"])
    yield f"{model} ({inline(report.model['revision'])}), {len(report.samples)} samples."
    yield validity(report.controls)
    yield metrics_table(report.metrics.values(), TITLES)
    if report.compared is not None:
        yield f"{model} compared with {inline(report.compared.model['model'])}:"
        yield differences_table(report.differences.values(), TITLES)


def _blocks(report: EvalReport) -> Iterator[str]:
    yield heading(1, f"Evaluation of {report.model['model']}")
    yield validity(report.controls)
    yield _outcomes(report)
    yield metrics_table(report.metrics.values(), TITLES)
    yield INTERVALS
    if report.errors:
        yield f"Errors, counted nowhere: {counts(report.errors.most_common(_NAMED))}."
    yield from _near_calls(report)
    if report.compared is not None:
        yield heading(2, f"Compared with {report.compared.model['model']}")
        yield _outcomes(report.compared)
        yield metrics_table(report.compared.metrics.values(), TITLES)
        yield differences_table(report.differences.values(), TITLES)
    yield heading(2, "Positive controls")
    yield from controls_tables(report.controls)
    yield from _oracles(report)
    for what, title in _SECTIONS:
        yield from _slices(report, what, title)


def _outcomes(report: EvalReport) -> str:
    return f"{len(report.samples)} samples: {counts(report.outcomes.items())}."


def _near_calls(report: EvalReport) -> Iterator[str]:
    if not report.near_calls:
        return
    yield "Near the attacker's call, and neither his success nor safe:"
    rows = list(report.near_calls[:_NAMED_NEAR])
    if (more := len(report.near_calls) - _NAMED_NEAR) > 0:
        rows.append((f"and {more} more", ""))
    yield table(("row", "what was near"), rows, "ll")


def _oracles(report: EvalReport) -> Iterator[str]:
    names = dict.fromkeys(name for found in report.oracles.values() for name in found)
    columns = [name for name in _OF_ORACLES if name in names]
    if not columns:
        return
    rows = [
        (oracle, *(f"{found[name].value:.1%}" if name in found else "" for name in columns))
        for oracle, found in report.oracles.items()
    ]
    yield by_metric("oracle", columns, rows, TITLES)


def _slices(report: EvalReport, what: str, title: str) -> Iterator[str]:
    parts = report.by(what)
    columns = [name for name in _IN_SLICES if any(name in found for found in parts.values())]
    if what == "prefill_kind":
        columns = [name for name in columns if name == "forced_call_asr"]
    if not columns or len(parts) < 2:
        return
    yield heading(2, title)
    yield slices_table(parts, columns, TITLES)
