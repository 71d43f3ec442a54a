"""Benign rows: who says what was right, and which turns are decisions."""

from __future__ import annotations

import pytest

from tests.sources.generic.written_rows import (
    ASK,
    ATTACK,
    DONE,
    INJECTION,
    READ,
    attack_row,
    call,
    fates,
    read,
    result,
    says,
    user,
)


def test_benign_rows_need_someone_to_say_what_is_right():
    row = {"messages": [ASK, DONE]}
    assert fates(row) == ["unknown_expected"]
    assert fates(row | {"reward": 0.0}, {"accepted": "reward"}) == ["not_accepted"]
    assert fates(row | {"reward": None}, {"accepted": "reward"}) == ["unknown_expected"]
    assert fates(row | {"reward": 1}, {"accepted": "reward"}) == ["answer"]
    refused = {"messages": [ASK, says("I'm sorry, but I can't help with that.")], "reward": 1}
    assert fates(refused, {"accepted": "reward"}) == ["refusal"]


def test_expected_calls_that_are_done_are_expected_no_more():
    mapping = {"expected": {"calls": "right"}}
    right = [{"name": "read_notes"}, {"name": "count", "arguments": {"of": "notes"}}]
    row = {"messages": [ASK, READ, result("a"), says("", call("count", of="notes")), result("1")]}
    ended = {"messages": [*row["messages"], DONE], "right": right}
    assert fates(ended, mapping) == ["tool_use", "tool_use", "answer"]
    assert fates(ended, mapping, "decisive") == ["tool_use"]
    wrong = {"messages": [ASK, says("", call("delete_notes"))], "right": right}
    assert fates(wrong, mapping) == ["benign_other_tool"]


def test_expected_behavior():
    mapping = {"expected": {"behavior": "want", "calls": "right"}}
    assert fates({"messages": [ASK, DONE], "want": "answer"}, mapping) == ["answer"]
    assert fates({"messages": [ASK, DONE], "want": "refusal"}, mapping) == ["benign_no_tool"]
    with pytest.raises(ValueError, match=r"expected\.behavior .*'shrug', expected one of call"):
        read({"messages": [ASK, DONE], "want": "shrug"}, mapping)


def test_not_accepted_keeps_a_benign_row_out_even_where_the_right_is_known():
    mapping = {"expected": {"behavior": {"value": "answer"}}, "accepted": "ok"}
    assert fates({"messages": [ASK, DONE], "ok": False}, mapping) == ["not_accepted"]


def test_label_of_a_debugger_is_no_completion():
    row = attack_row(user(INJECTION), says("[TOOL_CALL] post_note\n(Expected: read_notes)"))
    assert fates(row, ATTACK) == ["debug_label"]


def test_run_in_which_the_model_said_nothing_is_set_aside():
    mapping = {"accepted": {"value": True}}
    assert fates({"messages": [{"role": "system", "content": "s"}]}, mapping) == ["no_turn"]
    assert fates({"messages": [says("Welcome!"), ASK]}, mapping) == ["no_turn"]
    greeted = {"messages": [says("Welcome!"), ASK, DONE]}
    assert [len(s["messages"]) for s in read(greeted, mapping)] == [2]
