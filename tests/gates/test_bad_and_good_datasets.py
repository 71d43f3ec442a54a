"""Datasets as somebody hands them over: each bad one fails the gate that should, no good one any.

All are real rows of the demo suite, sampled by the tiny agent, with one thing done to them.
"""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from datasets import Dataset

import cb_datasets as cb
from cb_datasets.engines import Engine
from cb_datasets.gates import GateReport, run_gates
from tests.gates.bad_datasets import BAD
from tests.gates.changed_rows import (
    Change,
    Rows,
)
from tests.gates.good_datasets import GOOD_SETS

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def made(agent: Engine, demo: Dataset, demo_samples: Path) -> Rows:
    """Half of the demo suite, one sample of each scenario, and a part of its eval set."""
    groups = set(sorted(set(demo["group"]))[::2])
    half = demo.select([number for number, group in enumerate(demo["group"]) if group in groups])
    sets = cb.build_sets(half, agent, num_samples=1, journal=demo_samples)
    rows = {name: [dict(row) for row in getattr(sets, name)] for name in ("ds", "dr", "eval")}
    forced = [row for row in rows["eval"] if row["kind"] == "forced_call"]
    return rows | {"eval": [row for row in rows["eval"] if row not in forced] + forced[::20]}


@pytest.fixture
def rows(made: Rows) -> Rows:
    return copy.deepcopy(made)


def failed(report: GateReport) -> list[str]:
    return [name for name, result in report.results.items() if not result.passed]


@pytest.mark.parametrize(
    ("gate", "spoil"), [(gate, spoil) for gate, changes in BAD.items() for spoil in changes]
)
def test_a_bad_dataset_fails_the_gate_that_should_see_it(
    rows: Rows, gate: str, spoil: Change
) -> None:
    spoil(rows)
    assert gate in failed(run_gates(**rows))


@pytest.mark.parametrize("change", GOOD_SETS)
def test_a_good_dataset_fails_no_gate(rows: Rows, change: Change) -> None:
    change(rows)
    report = run_gates(**rows)
    assert failed(report) == [], report.to_markdown()
