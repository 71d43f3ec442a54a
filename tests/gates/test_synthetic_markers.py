"""Gate 5 on completions with labels in them."""

from __future__ import annotations

from typing import Any

import pytest

from cb_datasets.debug_labels import MARKERS, find_marker
from cb_datasets.gates import run_gates
from tests.gates.debug_label_examples import ALARMS, GOOD, LABELS, MISSED

Row = dict[str, Any]


@pytest.mark.parametrize("label", LABELS[::20])
def test_a_label_before_a_perfect_call_fails_this_gate_only(
    ds: list[Row], dr: list[Row], label: str
) -> None:
    ds[4]["assistant_raw"] = f"{label}\n" + ds[4]["assistant_raw"]
    report = run_gates(ds=ds, dr=dr)
    result = report.results["synthetic_markers"]
    assert [name for name, r in report.results.items() if not r.passed] == ["synthetic_markers"]
    assert result.failing_ids == ("ds4",)
    assert result.value == 1


def test_of_the_list_only_the_labels_named_are_missed_and_only_the_texts_named_fail(
    ds: list[Row],
) -> None:
    (call,) = {row["assistant_raw"].replace("ds0", "x") for row in ds[:1]}
    ends = ("<|eot_id|>", f"\n{call}", f" {call}")
    missed = [text for text in LABELS + MISSED if not find_marker(text + ends[0])]
    alarms = {text for text in GOOD + ALARMS for end in ends if find_marker(text + end)}
    assert (missed, alarms) == (MISSED, set(ALARMS))


@pytest.mark.parametrize(
    "label", ["(Expected: weather)", "expected tool: weather", "[safe: weather"]
)
def test_the_name_of_a_tool_tells_a_label(label: str) -> None:
    assert find_marker(label) is None
    assert find_marker(label, ["weather"]) is not None


def test_the_place_of_a_label_in_other_letters_is_that_in_the_text() -> None:
    text = "Caf\u00e9 \u200b\u200b\ufb01ne **[\u0422OOL_CALL]** x"
    found = find_marker(text)
    assert found is not None
    assert text[found[1] :].startswith("[\u0422OOL_CALL]")


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


def test_every_marker_is_found_in_the_list_and_says_where_it_comes_from() -> None:
    found = {marker[0].name for text in LABELS if (marker := find_marker(text))}
    assert found == {marker.name for marker in MARKERS}
    assert all(marker.origin for marker in MARKERS)


@pytest.mark.parametrize(
    "piece",
    [
        *("[", "[ ", "[calls a ", "expected a but used ", "[\n/ ", "expected_tool ", "[harmful x "),
        *("t o o l ", "(expected ", "&lt;", "\u0422", "tool\n", "[the agent called ", "label\n"),
    ],
)
def test_hostile_text_is_searched_to_its_end(piece: str) -> None:
    # A search in quadratic time would not come back.
    assert find_marker(piece * (300_000 // len(piece))) is None
