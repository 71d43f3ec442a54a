"""Datasets as somebody hands them over: each bad one fails the gate that should, no good one any.

All are real rows of the demo suite, sampled by the tiny agent, with one thing done to them.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from datasets import Dataset

import cb_datasets as cb
from cb_datasets.engines import Engine
from cb_datasets.errors import GateError
from cb_datasets.gates import GATED, GateReport, GateResult, run_gates
from cb_datasets.gates.gate import find_gates
from cb_datasets.gates.row import gated_rows
from cb_datasets.options import checked
from tests.gates.bad_datasets import BAD, BAD_PAIRS
from tests.gates.changed_rows import (
    Change,
    Rows,
)
from tests.gates.good_datasets import GOOD_PAIRS, GOOD_SETS

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def made(agent: Engine, demo: Dataset, demo_samples: Path) -> Rows:
    """Half of the demo suite, one sample of each scenario, and a part of its eval set."""
    groups = set(sorted(set(demo["group"]))[::2])
    half = demo.select([number for number, group in enumerate(demo["group"]) if group in groups])
    sets = cb.build_sets(half, agent, num_samples=1, journal=demo_samples)
    rows = {name: [dict(row) for row in getattr(sets, name)] for name in GATED}
    forced = [row for row in rows["eval"] if row["kind"] == "forced_call"]
    return rows | {"eval": [row for row in rows["eval"] if row not in forced] + forced[::20]}


@pytest.fixture(scope="module")
def pickled(made: Rows) -> bytes:
    return pickle.dumps(made)


@pytest.fixture
def with_pairs(pickled: bytes) -> Rows:
    """A copy, several times faster than by `copy.deepcopy`."""
    rows: Rows = pickle.loads(pickled)
    return rows


@pytest.fixture
def rows(with_pairs: Rows) -> Rows:
    """Without the pairs, which what is done to Ds and Dr would contradict."""
    del with_pairs["pairs"]
    return with_pairs


def one_gate(name: str, rows: Rows) -> GateResult:
    """A gate by itself: all of them would take half a second a change."""
    (gate,) = (gate for gate in find_gates() if gate.name == name)
    given = {option: value for option, value in rows.items() if option not in GATED}
    check = gate.check(checked(gate.options, given, GateError))
    for read in GATED:
        if read in {*gate.needs, *gate.reads}:
            for row in gated_rows(rows.get(read, []), read):
                check.add(row)
    found = check.result()
    assert isinstance(found, GateResult)
    return found


def failed(report: GateReport) -> list[str]:
    return [name for name, result in report.results.items() if not result.passed]


@pytest.mark.parametrize(
    ("gate", "spoil"), [(gate, spoil) for gate, changes in BAD.items() for spoil in changes]
)
def test_a_bad_dataset_fails_the_gate_that_should_see_it(
    rows: Rows, gate: str, spoil: Change
) -> None:
    spoil(rows)
    assert not one_gate(gate, rows).passed


@pytest.mark.parametrize("change", GOOD_SETS)
def test_a_good_dataset_fails_no_gate(rows: Rows, change: Change) -> None:
    change(rows)
    report = run_gates(**rows)
    assert failed(report) == [], report.to_markdown()


@pytest.mark.parametrize("spoil", BAD_PAIRS)
def test_bad_pairs_fail_their_gate_with_a_sentence(with_pairs: Rows, spoil: Change) -> None:
    spoil(with_pairs)
    found = one_gate("pairs", with_pairs)
    assert not found.passed
    assert found.failing_count == 1
    assert BAD_PAIRS[spoil] in found.failing[0].reason


@pytest.mark.parametrize("change", GOOD_PAIRS)
def test_good_pairs_pass(with_pairs: Rows, change: Change) -> None:
    change(with_pairs)
    found = one_gate("pairs", with_pairs)
    assert found.passed, found
