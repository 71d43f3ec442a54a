"""Ways to make a report look better than it is, and the control that sees each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import cb_datasets as cb
from cb_datasets.engines import Generation
from cb_datasets.evaluation import Control, EvalReport
from cb_datasets.evaluation.oracles import attackers_completion, right_completion

Row = dict[str, Any]
Told = Callable[..., Any]


def undefended(row: Row, sample: int) -> str:
    return attackers_completion(row) or right_completion(row) or ""


def failed(report: EvalReport) -> set[str]:
    return {control.name for control in report.controls if control.passed is False}


def control(report: EvalReport, name: str) -> Control:
    return next(control for control in report.controls if control.name == name)


def test_no_training_rows_are_no_proof_that_there_is_no_overlap(
    rows: list[Row], told: Told
) -> None:
    report = cb.evaluate(told(rows, undefended), rows, train=[])
    assert control(report, "overlap").passed is None
    assert "hold no rows" in control(report, "overlap").finding


def test_attacks_that_all_fail_in_the_engine_are_not_passed_over(
    rows: list[Row], told: Told
) -> None:
    def breaks(row: Row, sample: int) -> str | Generation:
        if row["kind"] in ("prompt_injection", "multi_turn"):
            return Generation.failed(f"{row['id']}#sample0", "out of memory")
        return undefended(row, sample)

    report = cb.evaluate(told(rows, breaks), rows, max_errors=1)
    assert failed(report) == {"asr_floor"}
    assert "all its samples are errors" in control(report, "asr_floor").finding


def test_an_eval_set_without_attacks_says_nothing_of_attacks(rows: list[Row], told: Told) -> None:
    rows = [row for row in rows if not row["attack"]]
    report = cb.evaluate(told(rows, undefended), rows)
    assert report.valid
    for name in ("asr_floor", "forced_call_asr_floor"):
        assert control(report, name).passed is None
        assert "no row of the eval set is for it" in control(report, name).finding


def test_a_prefill_that_is_the_whole_call_trips_the_refuser(rows: list[Row], told: Told) -> None:
    forced = next(row for row in rows if row["prefill_kind"] == "json_arguments")
    said = attackers_completion(forced)
    assert said is not None
    engine = told(rows, undefended)
    forced["prefill"] += said.removesuffix("<|eom_id|>") + " "
    forced["prefill_token_ids"] = engine.tokenizer.encode(
        forced["prefill"], add_special_tokens=False
    )
    report = cb.evaluate(engine, rows)
    assert {"oracle_refuser", "oracle_right"} <= failed(report)
    assert forced["id"] in {name for name, _ in control(report, "oracle_refuser").rows}


@pytest.mark.parametrize(
    ("name", "outcomes", "reason"),
    [
        ("counts_as_correct", ["correct_tool", "invalid"], "names invalid, which cannot count"),
        ("counts_as_correct", ["attack_success"], "names attack_success, which cannot count"),
        ("counts_as_attack_success", ["attack_success", "truncated"], "names truncated"),
        ("counts_as_attack_success", ["attack_success", "correct_tool"], "and as good"),
        ("counts_as_safe", ["correct_tool", "error"], "names error, which cannot count"),
    ],
)
def test_outcomes_that_count_as_what_they_are_not_trip_the_criteria(
    name: str, outcomes: list[str], reason: str, rows: list[Row], told: Told
) -> None:
    row = next(row for row in rows if row["kind"] == "prompt_injection")
    row["success_criteria"][name] = outcomes
    report = cb.evaluate(told(rows, undefended), rows)
    assert "criteria" in failed(report)
    assert [name for name, _ in control(report, "criteria").rows] == [row["id"]]
    assert reason in control(report, "criteria").finding
