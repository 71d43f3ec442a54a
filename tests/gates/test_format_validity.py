"""Gate 1 on rows made wrong on purpose."""

from __future__ import annotations

from typing import Any

import pytest
from datasets import Dataset

from cb_datasets.gates import run_gates
from cb_datasets.records import CircuitBreakerRow
from cb_datasets.schema import record_features
from tests.gates.five_gates import failed

Row = dict[str, Any]
CALL = '<|python_tag|>{"name": "search_web", "parameters": {"query": "ds0"}}'


def spoil(rows: list[Row], count: int, **changes: Any) -> None:
    for row in rows[:count]:
        row.update(changes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        # Ends in </s>, the end token of other models, or in none.
        ({"assistant_raw": CALL + "</s>"}, "end token"),
        ({"assistant_raw": CALL}, "end token"),
        ({"assistant_raw": ""}, "is empty"),
        ({"assistant_raw": "<|eot_id|>"}, "empty but for"),
        ({"assistant_raw": CALL + "<|eom_id|> and more"}, "text follows"),
        ({"assistant_raw": "<|begin_of_text|>" + CALL + "<|eom_id|>"}, "control token"),
        ({"tool_calls_structured": [{"name": "get_docs", "arguments": {}}]}, "'get_docs'"),
        ({"tool_calls_structured": [{"name": "search_web", "arguments": {}}]}, "other arguments"),
        ({"tool_calls_structured": []}, "holds 1 calls"),
        ({"messages": "hello"}, "messages"),
        ({"set": "retain"}, "set: 'retain' in ds"),
        ({"prompt_token_ids": [1, "2"]}, "prompt_token_ids.1"),
        ({"surplus": 1}, "surplus"),
    ],
)
def test_invalid_ds_rows_fail_this_gate_only_and_are_named(
    ds: list[Row], dr: list[Row], changes: Row, reason: str
) -> None:
    spoil(ds, 3, **changes)
    report = run_gates(ds=ds, dr=dr)
    result = report.results["format_validity"]
    assert failed(report) == ["format_validity"]
    assert result.failing_ids == ("ds0", "ds1", "ds2")
    assert all(reason in row.reason for row in result.failing)
    assert result.value == pytest.approx(37 / 40)
    assert result.advice


def test_two_invalid_rows_of_forty_are_within_tolerance_but_named(ds: list[Row]) -> None:
    spoil(ds, 2, assistant_raw=CALL)
    result = run_gates(ds=ds).results["format_validity"]
    assert result.passed
    assert result.value == 0.95
    assert result.failing_count == 2


def test_the_worst_set_decides(ds: list[Row], dr: list[Row]) -> None:
    spoil(dr, 4, split=None)
    result = run_gates(ds=ds, dr=dr).results["format_validity"]
    assert result.value == 0.9
    assert {row.set for row in result.failing} == {"dr"}
    assert result.details["sets"]["ds"]["share"] == 1.0


def test_a_refusal_in_ds_is_well_formed_and_holds_no_call(ds: list[Row]) -> None:
    ds[0] |= {"assistant_raw": "No.<|eot_id|>", "tool_calls_structured": []}
    (row,) = run_gates(ds=ds).results["format_validity"].failing
    assert row.reason == "assistant_raw holds no tool call"


def test_an_end_token_glued_onto_cut_off_output_does_not_make_it_valid(dr: list[Row]) -> None:
    spoil(dr, 3, finish_reason="length")
    result = run_gates(dr=dr).results["format_validity"]
    assert not result.passed
    assert "finish_reason" in result.failing[0].reason


@pytest.mark.parametrize(
    "arguments",
    [
        {"n": 2**70},
        {"n": [2**63, 2**64 - 1, -(2**63)]},
        {"x": 43.66772199999999, "y": 1.1296934575916103e135, "z": 1e-300},
        {"x": 3.0, "deep": [{"a": None}, [], {}, True, "é ; } <|eom_id"]},
    ],
)
def test_what_a_json_column_does_to_numbers_is_no_disagreement(
    ds: list[Row], arguments: Row
) -> None:
    from cb_datasets.formats import render_completion

    for row in ds:
        row["tool_calls_structured"] = [{"name": "search_web", "arguments": arguments}]
        row["assistant_raw"] = render_completion("", row["tool_calls_structured"])
    stored = Dataset.from_list(ds, features=record_features(CircuitBreakerRow))
    assert run_gates(ds=stored).results["format_validity"].value == 1.0


@pytest.mark.parametrize(
    ("raw", "stored"),
    [("1", True), ("1", "1"), ("1", 2), ("0.5", 0.6), ("[1]", [1, 2]), ("null", 0), ("{}", [])],
)
def test_other_values_are_a_disagreement(ds: list[Row], raw: str, stored: Any) -> None:
    ds[0]["assistant_raw"] = (
        f'<|python_tag|>{{"name": "search_web", "parameters": {{"v": {raw}}}}}<|eom_id|>'
    )
    ds[0]["tool_calls_structured"] = [{"name": "search_web", "arguments": {"v": stored}}]
    assert run_gates(ds=ds).results["format_validity"].failing_ids == ("ds0",)


def test_arguments_written_as_text_are_not_the_record(ds: list[Row]) -> None:
    ds[0]["tool_calls_structured"][0]["arguments"] = '{"query": "ds0"}'
    (row,) = run_gates(ds=ds).results["format_validity"].failing
    assert "arguments" in row.reason


@pytest.mark.parametrize("field", ["id", "split", "set", "messages", "assistant_raw", "labels"])
def test_a_minimal_row_needs_every_field_of_the_specification(
    minimal_ds: list[Row], field: str
) -> None:
    del minimal_ds[7][field]
    (row,) = run_gates(ds=minimal_ds).results["format_validity"].failing
    assert row.id == ("row 7 of ds" if field == "id" else "ds7")


def test_a_minimal_row_may_carry_more_fields(minimal_ds: list[Row]) -> None:
    for row in minimal_ds:
        row |= {"tools": [], "origin": "generated", "group": "g", "completion_token_ids": [1]}
    assert run_gates(ds=minimal_ds).results["format_validity"].value == 1.0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"messages": []}, "no prompt"),
        ({"messages": [{"role": "user", "content": " "}]}, "content"),
        ({"prompt_token_ids": []}, "prompt_token_ids"),
        ({"success_criteria": None}, "success_criteria"),
        ({"kind": "forced_call"}, "prefill"),
        ({"kind": "surprise"}, "kind"),
    ],
)
def test_an_eval_row_without_prompt_or_criteria_is_named(
    eval_rows: list[Row], changes: Row, reason: str
) -> None:
    spoil(eval_rows, 2, **changes)
    result = run_gates(eval=eval_rows).results["format_validity"]
    assert not result.passed
    assert result.failing_ids == ("eval0", "eval1")
    assert reason in result.failing[0].reason


@pytest.mark.parametrize(
    ("criteria", "reason"),
    [
        ({"attack_success": []}, "names no call"),
        ({"correct_behavior": "succeed"}, "correct_behavior"),
        ({"attack_success": [{"name": "", "arguments": {}}]}, "without a tool"),
        ({"correct_calls": [{"name": "f", "arguments": {"to": "x"}}]}, "arguments.to"),
        ({"correct_calls": [{"name": "f", "arguments": {"to": {"like": "x"}}}]}, "arguments.to"),
        ({"correct_calls": [{"name": "f", "arguments": {"to": {"contains": 3}}}]}, "arguments.to"),
        (
            {"correct_calls": [{"name": "f", "arguments": {"to": {"regex": "^US"}}}]},
            "has no example",
        ),
        (
            {
                "attack_success": [
                    {"name": "f", "arguments": {"to": {"regex": "(", "example": "("}}}
                ]
            },
            "not met by its own example",
        ),
        (
            {
                "forbidden_calls": [
                    {"name": "f", "arguments": {"n": {"schema": {"minimum": 5}, "example": 4}}}
                ]
            },
            "not met by its own example",
        ),
        ({"attack_text": [{"condition": "contains", "text": ""}]}, "empty text"),
        ({"attack_text": [{"condition": "like", "text": "x"}]}, "attack_text"),
        ({"correct_text": [{"condition": "regex", "text": "[0-9]+"}]}, "has no example"),
        ({"counts_as_safe": ["fine"]}, "counts_as_safe"),
    ],
)
def test_criteria_that_no_completion_can_meet_are_invalid(
    eval_rows: list[Row], criteria: Row, reason: str
) -> None:
    eval_rows[0]["success_criteria"] |= criteria
    (row,) = run_gates(eval=eval_rows).results["format_validity"].failing
    assert reason in row.reason


LABEL = "[TOOL_CALL] search_web\n(Expected: get_docs, but injection caused flip to: search_web)"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"assistant_raw": LABEL}, "assistant_raw is a label, which no model wrote"),
        ({"prompt": "x", "harmful_completion": "y"}, "'harmful_completion' stands for the raw"),
        ({"prompt": "x", "output": "", "llama3_output": "y"}, "'llama3_output' stands for the raw"),
        ({"combined_query": "x", "simulated_tool": "y"}, "'combined_query' is of an attack"),
    ],
)
def test_files_of_older_pipelines_are_named_as_such(
    row: Row, said: str, minimal_ds: list[Row]
) -> None:
    rows = [{"id": f"r{n}", **row} for n in range(3)]
    if "assistant_raw" in row:
        rows = [{**minimal_ds[n], **row} for n in range(3)]
    result = run_gates(ds=rows).results["format_validity"]
    assert all("a row of an older pipeline: " in found.reason for found in result.failing)
    assert said in result.failing[0].reason
    assert result.details["problems"] == {"legacy": 3}
    (advice,) = result.advice
    assert "nothing in them can be repaired" in advice


def test_a_row_that_is_only_wrong_is_not_called_one_of_an_older_pipeline(ds: list[Row]) -> None:
    del ds[0]["assistant_raw"]
    ds[1]["assistant_raw"] = "Sure."
    result = run_gates(ds=ds).results["format_validity"]
    assert "legacy" not in result.details["problems"]
    assert sum(result.details["problems"].values()) == 2
