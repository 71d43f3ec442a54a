"""What a gate is: found by its module, with options of its own that `run_gates` takes and shows."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import pytest

from cb_datasets.errors import GateError
from cb_datasets.gates import Gate, GatedRow, GateOptions, GateResult, find_gates, run_gates
from cb_datasets.gates.gate import GATES
from cb_datasets.options import Option, options_of
from tests.gates.five_gates import FIVE

Row = dict[str, Any]


class CountOptions(GateOptions, total=False):
    """How many rows there may be."""

    most: Annotated[int, Option(3, "Rows, at most.", ge=0)]


class Count:
    def __init__(self, options: CountOptions) -> None:
        self.most, self.rows = options["most"], 0

    def add(self, row: GatedRow) -> None:
        self.rows += 1

    def result(self) -> GateResult:
        return GateResult(self.rows <= self.most, self.rows, self.most, f"{self.rows} rows.")


COUNT = Gate("a_count", "There are few rows", Count, options=CountOptions, reads=("ds", "dr"))


@pytest.fixture
def add(monkeypatch: pytest.MonkeyPatch) -> Callable[[Gate], None]:
    """Add a gate for the time of a test."""
    return lambda gate: monkeypatch.setitem(GATES.built_in, gate.name, gate)


def test_the_gates_of_the_specification_come_first_and_each_says_what_holds() -> None:
    gates = find_gates()
    assert [gate.name for gate in gates][:5] == FIVE
    assert [gate.number for gate in gates] == list(range(1, 14))
    assert all(gate.title and (gate.needs or gate.reads) for gate in gates)


def test_run_gates_shows_every_option_with_default_and_meaning() -> None:
    shown = inspect.signature(run_gates).parameters
    for gate in find_gates():
        for name, found in options_of(gate.options).items():
            assert shown[name].default == found.option.default
            assert f"        {name}: {found.option.doc[:40]}" in str(run_gates.__doc__)


def test_a_gate_that_is_added_runs_with_its_options_behind_the_others(
    add: Callable[[Gate], None], ds: list[Row], dr: list[Row]
) -> None:
    add(COUNT)
    report = run_gates(ds=ds, dr=dr, most=len(ds))
    assert list(report.results)[-1] == "a_count"
    result = report.results["a_count"]
    assert (result.name, result.passed, result.value) == ("a_count", False, len(ds) + len(dr))
    assert report.to_dict()["results"]["a_count"]["threshold"] == len(ds)
    assert "### a_count failed" in report.to_markdown()
    assert run_gates(eval=[]).skipped["a_count"] == "ds and dr not given"
    with pytest.raises(GateError, match="most is -1; it must be 0 or more"):
        run_gates(ds=ds, most=-1)


def test_two_gates_do_not_share_an_option_under_two_meanings(
    add: Callable[[Gate], None], ds: list[Row]
) -> None:
    class OtherOptions(GateOptions, total=False):
        """How far rows may lie from the sun."""

        near_copy: Annotated[float, Option(0.5, "Light years.", ge=0)]

    add(replace(COUNT, options=OtherOptions))
    with pytest.raises(GateError, match="'leakage' and 'a_count' both have an option 'near_copy'"):
        run_gates(ds=ds)


def test_a_gate_of_another_package_that_breaks_is_named_with_the_row(
    monkeypatch: pytest.MonkeyPatch, ds: list[Row]
) -> None:
    class Broken(Count):
        def add(self, row: GatedRow) -> None:
            self.rows += row.row["no such column"]

    gate = replace(COUNT, check=Broken)
    monkeypatch.setitem(GATES._of_this_process, gate.name, gate)
    with pytest.raises(GateError) as told:
        run_gates(ds=ds)
    assert str(told.value) == "the gate 'a_count' broke at ds0 of ds (KeyError: 'no such column')"
