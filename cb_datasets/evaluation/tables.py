"""What reports of evaluations show: shares with intervals, differences, controls, slices.

In: metrics, and their titles. Out: Markdown, in which every value is text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from cb_datasets.evaluation.controls import Control
from cb_datasets.evaluation.metrics import Difference, Metric
from cb_datasets.markdown import Markdown, inline, table

Titles = Mapping[str, str]

INTERVALS = (
    "Intervals are 95 % Wilson intervals; the second allows for samples of one group of "
    "scenarios being alike. Errors are in no numerator and in no denominator."
)

_NAMED = 5
_MARK = {True: "passed", False: Markdown("**FAILED**"), None: "not run"}


def validity(controls: Iterable[Control]) -> str:
    """Whether the figures prove anything, one sentence."""
    failed = [control.name for control in controls if control.passed is False]
    if not failed:
        return "**Valid**: no positive control failed."
    return f"**INVALID**: {', '.join(map(inline, failed))} failed; the figures prove nothing."


def metrics_table(found: Iterable[Metric], titles: Titles) -> Markdown:
    """A line a metric."""
    rows = [
        (
            titles[metric.name],
            f"{metric.value:.1%}",
            _span(metric.low, metric.high),
            _span(metric.grouped_low, metric.grouped_high),
            f"{metric.numerator} of {metric.denominator}",
            metric.groups,
        )
        for metric in found
    ]
    return table(("", "share", "95 %", "by groups", "counted", "groups"), rows, "lrrrrr")


def differences_table(found: Iterable[Difference], titles: Titles) -> Markdown:
    """A line a metric that both models have."""
    heads = ("", "first", "second", "difference", "95 %, paired bootstrap over groups")
    rows = [
        (
            titles[one.name],
            f"{one.first:.1%}",
            f"{one.second:.1%}",
            f"{one.value:+.1%}",
            f"{one.low:+.1%} to {one.high:+.1%}",
        )
        for one in found
    ]
    return table(heads, rows, "lrrrr")


def controls_tables(found: Iterable[Control]) -> Iterator[Markdown]:
    """A line a control, and what speaks against the report."""
    given = list(found)
    rows = [(control.name, _MARK[control.passed], control.finding) for control in given]
    yield table(("control", "", "finding"), rows, "lll")
    failed = (control for control in given if control.passed is False)
    named = [(control.name, *row) for control in failed for row in control.rows[:_NAMED]]
    if named:
        yield table(("control", "row", "reason"), named, "lll")


def slices_table(
    parts: Mapping[str, Mapping[str, Metric]], columns: Sequence[str], titles: Titles
) -> Markdown:
    """A line a slice."""
    rows = [
        (value, *(_cell(found.get(name)) for name in columns)) for value, found in parts.items()
    ]
    return by_metric("", columns, rows, titles)


def by_metric(
    head: str, columns: Sequence[str], rows: Iterable[tuple[str, ...]], titles: Titles
) -> Markdown:
    """A table with a column a metric."""
    return table((head, *(titles[name] for name in columns)), rows, "l" + "r" * len(columns))


def counts(found: Iterable[tuple[str, int]]) -> str:
    """Numbers by name, on one line."""
    return ", ".join(f"{inline(name)} {count}" for name, count in found) or "none"


def _cell(metric: Metric | None) -> str:
    if metric is None:
        return ""
    return f"{metric.value:.0%} ({_span(metric.low, metric.high, 0)}, n={metric.denominator})"


def _span(low: float, high: float, digits: int = 1) -> str:
    return f"{low:.{digits}%} to {high:.{digits}%}"
