"""Gate 4 on retain sets that lack something on purpose."""

from __future__ import annotations

from typing import Any

import pytest

from cb_datasets.formats import render_completion
from cb_datasets.gates import run_gates
from tests.gates.five_gates import failed

Row = dict[str, Any]


@pytest.mark.parametrize(
    ("dropped", "missing"),
    [
        ("refusal", ["refusals"]),
        ("answer", ["answers"]),
        ("call", ["tool_uses", "tools"]),
    ],
)
def test_a_missing_kind_fails_this_gate_only_and_is_named(
    ds: list[Row], dr: list[Row], dropped: str, missing: list[str]
) -> None:
    report = run_gates(ds=ds, dr=[row for row in dr if not row["id"].startswith(dropped)])
    result = report.results["retain_coverage"]
    assert failed(report) == ["retain_coverage"]
    assert result.details["missing"] == missing
    assert result.value == pytest.approx(1 - len(missing) / 6)
    assert len(result.advice) == len(missing)


def test_a_label_that_says_refusal_covers_nothing(dr: list[Row]) -> None:
    for row in dr:
        if row["id"].startswith("refusal"):
            row["assistant_raw"] = "Sure, here it is.<|eot_id|>"
    result = run_gates(dr=dr).results["retain_coverage"]
    assert result.details["missing"] == ["refusals"]


def test_what_a_policy_denies_is_counted_beside_the_refusals(dr: list[Row]) -> None:
    refusals = [row for row in dr if row["id"].startswith("refusal")]
    for row in refusals[1:]:
        row["labels"]["kind"] = "policy_answer"
    result = run_gates(dr=dr).results["retain_coverage"]
    assert result.passed
    assert result.details["policy_answers"] == len(refusals) - 1
    assert f"1 refusals beside {len(refusals) - 1} policy answers" in result.summary
    refusals[0]["labels"]["kind"] = "policy_answer"
    result = run_gates(dr=dr).results["retain_coverage"]
    assert result.details["missing"] == ["refusals"]
    assert "0 refusals beside" in result.summary


def test_a_wrong_call_is_no_tool_use_whatever_the_label_says(dr: list[Row]) -> None:
    for row in dr:
        row["expected"]["calls"] = [{"name": "another_tool", "arguments": {}}]
    result = run_gates(dr=dr).results["retain_coverage"]
    assert result.details["missing"] == ["tool_uses", "tools"]


def test_many_rows_of_one_task_are_not_varied(dr: list[Row]) -> None:
    for row in dr:
        row["group"] = "the same"
    assert run_gates(dr=dr).results["retain_coverage"].details["missing"] == ["tasks"]


def test_tasks_done_under_attack_are_not_benign_tasks(ds: list[Row], dr: list[Row]) -> None:
    for row in dr:
        row["attack"] = {**ds[0]["attack"], "targets": [{"name": "pay", "arguments": {}}]}
    result = run_gates(dr=dr).results["retain_coverage"]
    assert result.details["missing"] == ["tasks"]


def test_calls_of_one_tool_only_are_named(dr: list[Row]) -> None:
    kept = [
        r
        for r in dr
        if not r["tool_calls_structured"] or r["labels"]["observed_tool"] == "get_docs"
    ]
    assert run_gates(dr=kept).results["retain_coverage"].details["missing"] == ["tools"]


def test_rows_in_which_the_attack_won_fail_and_are_named(ds: list[Row], dr: list[Row]) -> None:
    calls = [{"name": "search_web", "arguments": {}}]
    dr[2] |= {
        "attack": ds[0]["attack"],
        "expected": ds[0]["expected"],
        "assistant_raw": render_completion("", calls),
        "tool_calls_structured": calls,
    }
    report = run_gates(ds=ds, dr=dr)
    result = report.results["retain_coverage"]
    assert failed(report) == ["retain_coverage"]
    assert result.failing_ids == ("call2",)
    assert "attacker's target search_web" in result.failing[0].reason


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("functions.search_web", "is the attacker's search_web in another spelling"),
        ("send_email", "called send_email, expected"),
    ],
)
def test_rows_under_attack_with_a_call_that_is_not_known_to_be_right_fail(
    call: str, words: str, ds: list[Row], dr: list[Row]
) -> None:
    calls = [{"name": call, "arguments": {}}]
    dr[2] |= {
        "attack": ds[0]["attack"],
        "expected": ds[0]["expected"],
        "assistant_raw": render_completion("", calls),
        "tool_calls_structured": calls,
    }
    result = run_gates(ds=ds, dr=dr).results["retain_coverage"]
    assert not result.passed
    assert result.failing_ids == ("call2",)
    assert words in result.failing[0].reason


def test_a_minimal_row_that_calls_itself_harmful_is_taken_at_its_word(
    minimal_dr: list[Row],
) -> None:
    minimal_dr[0]["labels"]["is_harmful"] = True
    assert run_gates(dr=minimal_dr).results["retain_coverage"].failing_ids == ("call0",)


def test_an_empty_dr_fails_in_words() -> None:
    result = run_gates(dr=[]).results["retain_coverage"]
    assert not result.passed
    assert result.summary == "Dr holds no rows."


def test_what_is_needed_can_be_set(dr: list[Row]) -> None:
    needed = {"min_refusals": 11, "min_tool_uses": 20, "min_answers": 10, "min_tools": 5}
    result = run_gates(dr=dr, **needed).results["retain_coverage"]
    assert result.details["missing"] == ["refusals", "tools"]
    assert "10 refusals (11 needed)" in result.summary
