"""What an evaluation found: metrics, slices, controls, and a second model beside the first.

In: graded samples and controls. Out: an `EvalReport`, as plain types and as Markdown. Names and
reasons come from data and from models: in its Markdown they are text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
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
from cb_datasets.evaluation.samples import SLICES, EvalSample
from cb_datasets.markdown import Markdown, heading, inline, table

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
_MARK = {True: "passed", False: Markdown("**FAILED**"), None: "not run"}


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
        found: dict[str, Any] = {
            "valid": self.valid,
            "model": dict(self.model),
            "facts": dict(self.facts),
            "controls": {control.name: control.to_dict() for control in self.controls},
            "samples": len(self.samples),
            "outcomes": self.outcomes,
            "errors": dict(self.errors.most_common()),
            "near_calls": [{"id": row, "reason": reason} for row, reason in self.near_calls],
            "metrics": {name: metric.to_dict() for name, metric in self.metrics.items()},
            "by": {
                what: {
                    value: {name: metric.to_dict() for name, metric in own.items()}
                    for value, own in self.by(what).items()
                }
                for what in REPORTED_SLICES
            },
        }
        if self.oracles:
            found["oracles"] = {
                oracle: {name: metric.to_dict() for name, metric in own.items()}
                for oracle, own in self.oracles.items()
            }
        if self.compared is not None:
            found["compared"] = self.compared.to_dict()
            found["differences"] = {name: d.to_dict() for name, d in self.differences.items()}
        return found

    def to_markdown(self) -> str:
        """The report for people."""
        return "\n\n".join(_blocks(self)) + "\n"

    def summary_markdown(self) -> str:
        """What stands first in the report, without headings: for a dataset card, say."""
        return "\n\n".join(_summary(self)) + "\n"


def _summary(report: EvalReport) -> Iterator[str]:
    model = inline(report.model["model"])
    yield f"{model} ({inline(report.model['revision'])}), {len(report.samples)} samples."
    yield _validity(report)
    yield _metrics(report.metrics.values())
    if report.compared is not None:
        yield f"{model} compared with {inline(report.compared.model['model'])}:"
        yield _differences(report.differences.values())


def _blocks(report: EvalReport) -> Iterator[str]:
    yield heading(1, f"Evaluation of {report.model['model']}")
    yield _validity(report)
    yield _outcomes(report)
    yield _metrics(report.metrics.values())
    yield (
        "Intervals are 95 % Wilson intervals; the second allows for samples of one group of "
        "scenarios being alike. Errors are in no numerator and in no denominator."
    )
    if report.errors:
        yield f"Errors, counted nowhere: {_counts(report.errors.most_common(_NAMED))}."
    yield from _near_calls(report)
    if report.compared is not None:
        yield heading(2, f"Compared with {report.compared.model['model']}")
        yield _outcomes(report.compared)
        yield _metrics(report.compared.metrics.values())
        yield _differences(report.differences.values())
    yield heading(2, "Positive controls")
    yield from _controls(report.controls)
    yield from _oracles(report)
    for what, title in _SECTIONS:
        yield from _slices(report, what, title)


def _validity(report: EvalReport) -> str:
    if report.valid:
        return "**Valid**: no positive control failed."
    failed = [control.name for control in report.controls if control.passed is False]
    return f"**INVALID**: {', '.join(map(inline, failed))} failed; the figures prove nothing."


def _outcomes(report: EvalReport) -> str:
    return f"{len(report.samples)} samples: {_counts(report.outcomes.items())}."


def _metrics(found: Iterable[Metric]) -> Markdown:
    rows = [
        (
            TITLES[metric.name],
            f"{metric.value:.1%}",
            _span(metric.low, metric.high),
            _span(metric.grouped_low, metric.grouped_high),
            f"{metric.numerator} of {metric.denominator}",
            metric.groups,
        )
        for metric in found
    ]
    return table(("", "share", "95 %", "by groups", "counted", "groups"), rows, "lrrrrr")


def _differences(found: Iterable[Difference]) -> Markdown:
    heads = ("", "first", "second", "difference", "95 %, paired bootstrap over groups")
    rows = [
        (
            TITLES[one.name],
            f"{one.first:.1%}",
            f"{one.second:.1%}",
            f"{one.value:+.1%}",
            f"{one.low:+.1%} to {one.high:+.1%}",
        )
        for one in found
    ]
    return table(heads, rows, "lrrrr")


def _controls(found: Iterable[Control]) -> Iterator[str]:
    given = list(found)
    rows = [(control.name, _MARK[control.passed], control.finding) for control in given]
    yield table(("control", "", "finding"), rows, "lll")
    failed = (control for control in given if control.passed is False)
    named = [(control.name, *row) for control in failed for row in control.rows[:_NAMED]]
    if named:
        yield table(("control", "row", "reason"), named, "lll")


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
    yield _by_metric("oracle", columns, rows)


def _slices(report: EvalReport, what: str, title: str) -> Iterator[str]:
    parts = report.by(what)
    columns = [name for name in _IN_SLICES if any(name in found for found in parts.values())]
    if what == "prefill_kind":
        columns = [name for name in columns if name == "forced_call_asr"]
    if not columns or len(parts) < 2:
        return
    yield heading(2, title)
    rows = [
        (value, *(_cell(found.get(name)) for name in columns)) for value, found in parts.items()
    ]
    yield _by_metric("", columns, rows)


def _by_metric(head: str, columns: list[str], rows: Iterable[tuple[str, ...]]) -> Markdown:
    titles = [TITLES[name] for name in columns]
    return table((head, *titles), rows, "l" + "r" * len(columns))


def _cell(metric: Metric | None) -> str:
    if metric is None:
        return ""
    return f"{metric.value:.0%} ({_span(metric.low, metric.high, 0)}, n={metric.denominator})"


def _span(low: float, high: float, digits: int = 1) -> str:
    return f"{low:.{digits}%} to {high:.{digits}%}"


def _counts(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{inline(name)} {count}" for name, count in counts) or "none"
