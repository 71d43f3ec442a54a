"""Gate 3 on sets that are lopsided on purpose."""

from __future__ import annotations

from typing import Any

import pytest

from cb_datasets.gates import run_gates
from tests.gates.five_gates import failed

Row = dict[str, Any]
QUARTERS = {"override": 1, "authority": 1, "hidden_json": 1, "urgency": 1}


def categorize(rows: list[Row], categories: list[str]) -> None:
    for row, category in zip(rows, categories, strict=True):
        row["attack"]["category"] = row["labels"]["category"] = category


def test_one_category_above_four_fifths_fails_and_its_rows_are_named(
    ds: list[Row], dr: list[Row]
) -> None:
    categorize(ds, ["authority"] * 7 + ["override"] * 33)
    report = run_gates(ds=ds, dr=dr)
    result = report.results["distribution"]
    assert failed(report) == ["distribution"]
    assert result.value == pytest.approx(33 / 40)
    assert result.failing_count == 33
    assert result.failing_ids[0] == "ds7"
    assert "82.5%" in result.summary


def test_exactly_four_fifths_pass(ds: list[Row]) -> None:
    categorize(ds, ["authority"] * 8 + ["override"] * 32)
    assert run_gates(ds=ds).results["distribution"].passed


def test_a_single_category_fails_as_an_agentdojo_build_does(ds: list[Row]) -> None:
    categorize(ds, ["important_instructions"] * 40)
    result = run_gates(ds=ds).results["distribution"]
    assert not result.passed
    assert "AgentDojo" in result.advice[0]
    assert run_gates(ds=ds, min_categories=1, max_category_share=1).results["distribution"].passed


def test_the_attack_says_its_category_and_labels_come_second(ds: list[Row]) -> None:
    for row in ds:
        row["labels"]["category"] = "as labelled"
    details = run_gates(ds=ds).results["distribution"].details
    assert set(details["categories"]) == set(QUARTERS)


def test_the_harm_type_is_the_last_resort(minimal_ds: list[Row]) -> None:
    for number, row in enumerate(minimal_ds):
        del row["labels"]["category"]
        row["labels"]["harm_type"] = "tool_flip" if number % 2 else "injected_call"
    details = run_gates(ds=minimal_ds).results["distribution"].details
    assert set(details["categories"]) == {"tool_flip", "injected_call"}


def test_rows_without_any_category_are_named(ds: list[Row]) -> None:
    ds[5]["attack"] = None
    ds[5]["labels"] = {}
    result = run_gates(ds=ds).results["distribution"]
    assert not result.passed
    assert result.failing_ids == ("ds5",)


def test_shares_are_compared_with_the_threat_model_when_one_is_given(ds: list[Row]) -> None:
    assert run_gates(ds=ds, threat_model=QUARTERS).results["distribution"].passed
    # A quarter each in Ds; a tenth away is within the tolerance, more is not.
    near = {"override": 0.35, "authority": 0.15, "hidden_json": 0.25, "urgency": 0.25}
    far = {"override": 0.40, "authority": 0.10, "hidden_json": 0.25, "urgency": 0.25}
    assert run_gates(ds=ds, threat_model=near).results["distribution"].passed
    result = run_gates(ds=ds, threat_model=far).results["distribution"]
    assert not result.passed
    assert "'override' is 25.0% of Ds and 40.0% of the threat model" in result.summary
    assert run_gates(ds=ds, threat_model=far, threat_model_tolerance=0.15).passed is True


def test_a_category_that_the_threat_model_does_not_know_is_off_it(ds: list[Row]) -> None:
    result = run_gates(ds=ds, threat_model={"override": 1, "authority": 1}).results["distribution"]
    assert "'urgency' is 25.0% of Ds and 0.0% of the threat model" in result.summary


def test_an_expected_category_must_occur(ds: list[Row]) -> None:
    expected = ["override", "multi_turn"]
    result = run_gates(ds=ds, expected_categories=expected).results["distribution"]
    assert result.summary == "the expected category 'multi_turn' does not occur."


def test_an_empty_ds_fails_in_words() -> None:
    result = run_gates(ds=[]).results["distribution"]
    assert not result.passed
    assert result.summary == "Ds holds no rows, so no attack categories."
