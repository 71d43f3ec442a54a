"""The gates of the specification, by name."""

from __future__ import annotations

from cb_datasets.gates import GateReport

FIVE = [
    "format_validity",
    "harmful_rate",
    "distribution",
    "retain_coverage",
    "synthetic_markers",
]


def failed(report: GateReport) -> list[str]:
    """Which of the five failed; spoiled rows may fail further gates too."""
    return [name for name in FIVE if name in report.results and not report.results[name].passed]
