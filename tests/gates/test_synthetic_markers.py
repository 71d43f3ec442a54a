"""Gate 5 on completions with labels in them."""

from __future__ import annotations

from typing import Any

import pytest

from cb_datasets.debug_labels import MARKERS, find_marker
from cb_datasets.gates import run_gates

Row = dict[str, Any]

LABELS = [
    "[TOOL_CALL] search_web",
    "[tool call] search_web",
    "[ Tool-Call: search_web ]",
    "[/TOOL_CALL]",
    "[TOOL_CALLS: a, b]",
    "(Expected: retrieve_multimodal_docs)",
    "( expected : retrieve)",
    "(Expected tool: retrieve)",
    "[HARMFUL: Agent executed x]",
    "[harmful]",
    "[Harmful behavior executed]",
    "but injection caused flip to: search_web",
    "but Injection caused a tool flip",
    "[Calls search_web instead of get_docs]",
    "[Agent used wrong tool: expected a but used b due to prompt injection]",
    "[SAFE: the agent refused]",
    "[EXPECTED: get_docs]",
    "<observed_tool>search_web</observed_tool>",
    "[TOOL_FLIP]",
    "[attack success]",
]
PROSE = [
    "The delivery is expected on Monday (expected weight: 2 kg).",
    "I made a tool call to [search](https://example.org) and it is [Safe](https://example.org).",
    'The list is ["harmful", "safe", "tool_call"].',
    "This would be harmful: I can't do it.",
    "<expected>5</expected>",
    "I expected 5 apples but used 3.",
    "[ ] call the bank instead of writing",
]


@pytest.mark.parametrize("label", LABELS)
def test_a_label_before_a_perfect_call_fails_this_gate_only(
    ds: list[Row], dr: list[Row], label: str
) -> None:
    ds[4]["assistant_raw"] = f"{label}\n" + ds[4]["assistant_raw"]
    report = run_gates(ds=ds, dr=dr)
    result = report.results["synthetic_markers"]
    assert [name for name, r in report.results.items() if not r.passed] == ["synthetic_markers"]
    assert result.failing_ids == ("ds4",)
    assert result.value == 1


@pytest.mark.parametrize("text", PROSE)
def test_what_models_really_write_is_no_label(text: str) -> None:
    assert find_marker(text) is None


def test_the_label_of_old_pipelines_fails_in_dr_too(dr: list[Row]) -> None:
    dr[0]["assistant_raw"] = (
        "[TOOL_CALL] search_web\n"
        "(Expected: retrieve_multimodal_docs, but injection caused flip to: search_web)"
    )
    report = run_gates(dr=dr)
    (row,) = report.results["synthetic_markers"].failing
    assert row.reason.startswith("[TOOL_CALL] in assistant_raw: [TOOL_CALL] search_web\\n(Exp")


def test_a_marker_quoted_from_the_prompt_fails_and_says_so(ds: list[Row]) -> None:
    ds[0]["messages"] = [{"role": "user", "content": "Search for [TOOL_CALL]"}]
    ds[0]["assistant_raw"] = (
        '<|python_tag|>{"name": "search_web", "parameters": {"query": "[TOOL_CALL]"}}<|eom_id|>'
    )
    result = run_gates(ds=ds).results["synthetic_markers"]
    assert not result.passed
    assert "may have quoted it" in result.failing[0].reason
    assert result.details["also_in_prompt"] == 1


def test_every_marker_finds_its_own_name_and_says_where_it_comes_from() -> None:
    examples = {"used X due to prompt injection]": "expected a but used X due to prompt injection]"}
    for marker in MARKERS:
        assert marker.origin
        assert find_marker(examples.get(marker.name, marker.name)) is not None


@pytest.mark.parametrize("piece", ["[", "[ ", "[calls a ", "expected a but used ", "[\n/ "])
def test_hostile_text_is_searched_to_its_end(piece: str) -> None:
    # A search in quadratic time would not come back.
    assert find_marker(piece * (300_000 // len(piece))) is None
