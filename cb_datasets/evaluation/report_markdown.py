"""An evaluation report as Markdown.

In: an `EvalReport`. Out: text. Names and reasons come from data and from models: they stay text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from cb_datasets.evaluation.metrics import TITLES, Difference, Metric
from cb_datasets.quoting import printable

if TYPE_CHECKING:
    from cb_datasets.evaluation.controls import Control
    from cb_datasets.evaluation.report import EvalReport

_SPECIAL = str.maketrans({c: "\\" + c for c in "\\`*_[]|"} | {"<": "&lt;", ">": "&gt;"})
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
_MARK = {True: "passed", False: "**FAILED**", None: "not run"}


def report_markdown(report: EvalReport) -> str:
    """The whole report."""
    return "\n".join(_lines(report)) + "\n"


def summary_markdown(report: EvalReport) -> str:
    """Whether the report proves anything, the metrics, and the differences of two models."""
    return "\n".join(_summary(report)) + "\n"


def escaped(value: object, limit: int = 200) -> str:
    """Untrusted text, such that Markdown shows it and does nothing else with it."""
    return printable(value, limit).translate(_SPECIAL)


def _summary(report: EvalReport) -> Iterator[str]:
    model = escaped(report.model["model"])
    yield f"{model} ({escaped(report.model['revision'])}), {len(report.samples)} samples."
    yield ""
    yield _validity(report)
    yield ""
    yield from _metrics(report.metrics.values())
    if report.compared is not None:
        yield ""
        yield f"{model} compared with {escaped(report.compared.model['model'])}:"
        yield ""
        yield from _differences(report.differences.values())


def _validity(report: EvalReport) -> str:
    if report.valid:
        return "**Valid**: no positive control failed."
    failed = [control.name for control in report.controls if control.passed is False]
    return f"**INVALID**: {', '.join(map(escaped, failed))} failed; the figures prove nothing."


def _lines(report: EvalReport) -> Iterator[str]:
    yield f"# Evaluation of {escaped(report.model['model'])}"
    yield ""
    yield _validity(report)
    yield ""
    yield _outcomes(report)
    yield ""
    yield from _metrics(report.metrics.values())
    yield ""
    yield (
        "Intervals are 95 % Wilson intervals; the second allows for samples of one group of "
        "scenarios being alike. Errors are in no numerator and in no denominator."
    )
    if report.errors:
        yield ""
        yield f"Errors, counted nowhere: {_counts(report.errors.most_common(_NAMED))}."
    yield from _near_calls(report)
    if report.compared is not None:
        yield ""
        yield f"## Compared with {escaped(report.compared.model['model'])}"
        yield ""
        yield _outcomes(report.compared)
        yield ""
        yield from _metrics(report.compared.metrics.values())
        yield ""
        yield from _differences(report.differences.values())
    yield ""
    yield "## Positive controls"
    yield ""
    yield from _controls(report.controls)
    yield from _oracles(report)
    for what, title in _SECTIONS:
        yield from _slices(report, what, title)


def _outcomes(report: EvalReport) -> str:
    return f"{len(report.samples)} samples: {_counts(report.outcomes.items())}."


def _near_calls(report: EvalReport) -> Iterator[str]:
    if not report.near_calls:
        return
    yield ""
    yield "Near the attacker's call, and neither his success nor safe:"
    yield ""
    yield "| row | what was near |"
    yield "|---|---|"
    for row, reason in report.near_calls[:_NAMED_NEAR]:
        yield f"| {escaped(row)} | {escaped(reason)} |"
    if (more := len(report.near_calls) - _NAMED_NEAR) > 0:
        yield f"| and {more} more | |"


def _metrics(found: Iterable[Metric]) -> Iterator[str]:
    yield "| | share | 95 % | by groups | counted | groups |"
    yield "|---|---:|---:|---:|---:|---:|"
    for metric in found:
        yield (
            f"| {TITLES[metric.name]} | {metric.value:.1%} | {_span(metric.low, metric.high)} "
            f"| {_span(metric.grouped_low, metric.grouped_high)} "
            f"| {metric.numerator} of {metric.denominator} | {metric.groups} |"
        )


def _differences(found: Iterable[Difference]) -> Iterator[str]:
    yield "| | first | second | difference | 95 %, paired bootstrap over groups |"
    yield "|---|---:|---:|---:|---:|"
    for one in found:
        yield (
            f"| {TITLES[one.name]} | {one.first:.1%} | {one.second:.1%} | {one.value:+.1%} "
            f"| {one.low:+.1%} to {one.high:+.1%} |"
        )


def _controls(found: Iterable[Control]) -> Iterator[str]:
    yield "| control | | finding |"
    yield "|---|---|---|"
    named = []
    for control in found:
        yield f"| {escaped(control.name)} | {_MARK[control.passed]} | {escaped(control.finding)} |"
        if control.passed is False:
            named += [(control.name, *row) for row in control.rows[:_NAMED]]
    if named:
        yield ""
        yield "| control | row | reason |"
        yield "|---|---|---|"
        for names in named:
            yield "| " + " | ".join(map(escaped, names)) + " |"


def _oracles(report: EvalReport) -> Iterator[str]:
    names = dict.fromkeys(name for own in report.oracles.values() for name in own)
    columns = [name for name in _OF_ORACLES if name in names]
    if not columns:
        return
    yield ""
    yield "| oracle | " + " | ".join(TITLES[name] for name in columns) + " |"
    yield "|---|" + "---:|" * len(columns)
    for oracle, own in report.oracles.items():
        cells = [f"{own[name].value:.1%}" if name in own else "" for name in columns]
        yield f"| {escaped(oracle)} | " + " | ".join(cells) + " |"


def _slices(report: EvalReport, what: str, title: str) -> Iterator[str]:
    parts = report.by(what)
    columns = [name for name in _IN_SLICES if any(name in own for own in parts.values())]
    if what == "prefill_kind":
        columns = [name for name in columns if name == "forced_call_asr"]
    if not columns or len(parts) < 2:
        return
    yield ""
    yield f"## {title}"
    yield ""
    yield "| | " + " | ".join(TITLES[name] for name in columns) + " |"
    yield "|---|" + "---:|" * len(columns)
    for value, own in parts.items():
        cells = [_cell(own.get(name)) for name in columns]
        yield f"| {escaped(value)} | " + " | ".join(cells) + " |"


def _cell(metric: Metric | None) -> str:
    if metric is None:
        return ""
    return f"{metric.value:.0%} ({_span(metric.low, metric.high, 0)}, n={metric.denominator})"


def _span(low: float, high: float, digits: int = 1) -> str:
    return f"{low:.{digits}%} to {high:.{digits}%}"


def _counts(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{escaped(name)} {count}" for name, count in counts) or "none"
