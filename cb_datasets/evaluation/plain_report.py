"""A report of an evaluation in plain types: what those of rows and of episodes have in common.

In: a report. Out: a dictionary that `json.dumps` takes as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from cb_datasets.evaluation.controls import Control
from cb_datasets.evaluation.metrics import Difference, Metric


class Report(Protocol):
    """What every report of an evaluation knows."""

    @property
    def valid(self) -> bool:
        """Whether it proves anything."""

    @property
    def model(self) -> Mapping[str, Any]:
        """The engine."""

    @property
    def controls(self) -> tuple[Control, ...]:
        """The positive controls."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Options, and what was evaluated."""

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics by name."""

    @property
    def differences(self) -> Mapping[str, Difference]:
        """How a second model differs; empty without one."""

    def by(self, what: str) -> Mapping[str, Mapping[str, Metric]]:
        """The metrics of each slice."""


def plain_report(
    report: Report,
    counts: Mapping[str, Any],
    slices: Sequence[str],
    references: Mapping[str, Mapping[str, Mapping[str, Metric]]],
    compared: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """A report in plain types.

    Args:
        report: The report.
        counts: What it counts beside metrics, by name.
        slices: The slices that it shows.
        references: The metrics of each oracle or policy, by what these are called.
        compared: The second model's report in plain types, if there is one.
    """
    found: dict[str, Any] = {
        "valid": report.valid,
        "model": dict(report.model),
        "facts": dict(report.facts),
        "controls": {control.name: control.to_dict() for control in report.controls},
        **counts,
        "metrics": _plain(report.metrics),
        "by": {
            what: {value: _plain(own) for value, own in report.by(what).items()} for what in slices
        },
    }
    for name, ones in references.items():
        if ones:
            found[name] = {one: _plain(own) for one, own in ones.items()}
    if compared is not None:
        found["compared"] = dict(compared)
        found["differences"] = {name: d.to_dict() for name, d in report.differences.items()}
    return found


def _plain(metrics: Mapping[str, Metric]) -> dict[str, Any]:
    return {name: metric.to_dict() for name, metric in metrics.items()}
