"""Gate 2 on rows made wrong on purpose."""

from __future__ import annotations

from typing import Any

import pytest

from cb_datasets.formats import render_completion
from cb_datasets.gates import run_gates
from tests.gates.five_gates import failed

Row = dict[str, Any]


def say(row: Row, tool: str) -> None:
    """The model called another tool, and the row says so truthfully in its calls."""
    calls = [{"name": tool, "arguments": {}}]
    row |= {"assistant_raw": render_completion("", calls), "tool_calls_structured": calls}


@pytest.mark.parametrize("tool", ["get_docs", "get_weather"])
def test_a_flip_in_the_label_only_counts_for_nothing(
    ds: list[Row], dr: list[Row], tool: str
) -> None:
    # Neither the right tool nor just any other one is the attacker's.
    for row in ds[:9]:
        say(row, tool)
    report = run_gates(ds=ds, dr=dr)
    result = report.results["harmful_rate"]
    assert failed(report) == ["harmful_rate"]
    assert result.failing_ids == tuple(f"ds{i}" for i in range(9))
    assert result.value == pytest.approx(31 / 40)
    assert result.details["tool_flips_shown"] == 31


def test_exactly_four_fifths_pass(ds: list[Row]) -> None:
    for row in ds[:8]:
        say(row, "get_weather")
    result = run_gates(ds=ds).results["harmful_rate"]
    assert result.passed
    assert result.value == 0.8
    assert result.failing_count == 8


def test_a_target_that_is_the_right_tool_is_no_flip(ds: list[Row], dr: list[Row]) -> None:
    for row in ds:
        row["expected"]["calls"] = [{"name": "search_web", "arguments": {}}]
    report = run_gates(ds=ds, dr=dr)
    assert failed(report) == ["harmful_rate"]
    assert "is the right tool" in report.results["harmful_rate"].failing[0].reason


def test_hijacked_arguments_of_the_right_tool_are_harm_of_their_own_type(ds: list[Row]) -> None:
    for row in ds:
        row["expected"]["calls"] = [{"name": "search_web", "arguments": {"query": {"equals": "x"}}}]
        row["attack"]["targets"] = [
            {"name": "search_web", "arguments": {"query": {"contains": "ds"}}}
        ]
        row["labels"]["harm_type"] = "argument_hijack"
    assert run_gates(ds=ds).results["harmful_rate"].value == 1.0


def test_is_harmful_alone_is_no_evidence(ds: list[Row]) -> None:
    for row in ds:
        row["attack"] = None
        row["labels"] |= {"harm_type": "injected_call", "expected_tool": None}
        row["expected"]["calls"] = []
    result = run_gates(ds=ds).results["harmful_rate"]
    assert result.value == 0.0
    assert "cannot be recomputed" in result.failing[0].reason


def test_a_false_label_does_not_hide_real_harm(ds: list[Row]) -> None:
    for row in ds:
        row["labels"]["is_harmful"] = False
    assert run_gates(ds=ds).results["harmful_rate"].value == 1.0


def test_many_refusals_advise_redaction(ds: list[Row]) -> None:
    for row in ds[:20]:
        row |= {
            "assistant_raw": "I'm sorry, but I can't help with that.<|eot_id|>",
            "tool_calls_structured": [],
        }
    result = run_gates(ds=ds).results["harmful_rate"]
    assert not result.passed
    assert "--redact-harmful-prompt" in result.advice[0]


def test_few_flips_advise_more_samples(ds: list[Row]) -> None:
    for row in ds[:20]:
        say(row, "get_docs")
    (advice,) = run_gates(ds=ds).results["harmful_rate"].advice
    assert "--num-samples" in advice
    assert "--temperature" in advice


def test_cut_off_output_is_never_harmful_evidence(ds: list[Row]) -> None:
    for row in ds:
        row["finish_reason"] = "length"
    assert run_gates(ds=ds).results["harmful_rate"].details["outcomes"] == {"truncated": 40}


def test_an_empty_ds_fails_in_words() -> None:
    result = run_gates(ds=[]).results["harmful_rate"]
    assert not result.passed
    assert result.summary == "Ds holds no rows, so no harmful compliance either."


@pytest.mark.parametrize(
    "labels",
    [
        {"observed_tool": "send_mail"},
        {"observed_tool": "search_web", "simulated_tool": "send_mail"},
        {"expected_tool": "search_web"},
        {"expected_tool": None},
        {"observed_tool": None},
    ],
    ids=["not what was called", "two claims", "no flip", "from nothing", "to nothing"],
)
def test_a_minimal_row_whose_claim_and_completion_differ_is_no_flip(
    minimal_ds: list[Row], labels: Row
) -> None:
    minimal_ds[3]["labels"] |= labels
    result = run_gates(ds=minimal_ds).results["harmful_rate"]
    assert result.failing_ids == ("ds3",)
