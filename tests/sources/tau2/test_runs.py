"""Rows of τ-bench, the first version, and rows that are no run at all."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cb_datasets.records import ToolCall
from cb_datasets.sources.rows import CONTAINER, RowPlace, SkipRow
from tests.sources.broken_rows import broken_anywhere, broken_at
from tests.sources.tau2.written_rows import (
    ASKS,
    CANCELS,
    DONE,
    GREETING,
    STOPS,
    V1_PLACE,
    agent,
    call,
    codes,
    read,
    result,
    run_of_v1,
    simulation,
    user,
    v1_call,
)


def test_first_version_is_known_by_its_trajectory():
    row = run_of_v1(
        user("Hi"),
        agent(None, v1_call("find_user", '{"email": "a@b.c"}')),
        {"role": "tool", "tool_call_id": "c", "name": "find_user", "content": "Error: no such"},
        agent(None, v1_call("find_user", '{"email": "d@b.c"}')),
        {"role": "tool", "tool_call_id": "c", "name": "find_user", "content": "u1"},
        agent("You are u1."),
        user("Thanks. ###STOP###"),
    )
    scenarios = read(row, V1_PLACE)
    assert codes(scenarios) == ["call_failed", None, None]
    assert scenarios[0]["id"] == "tau2/retail/7/gpt-4o-retail/0#turn2"
    assert scenarios[0]["group"] == "tau2/retail/7"
    assert [m["role"] for m in scenarios[0]["messages"]] == ["system", "user"]
    recorded = scenarios[1]["recorded"]
    assert recorded is not None
    assert recorded["calls"] == [ToolCall(name="find_user", arguments={"email": "d@b.c"})]
    assert recorded["model"] is None
    assert (
        scenarios[0]["provenance"]["record_id"],
        scenarios[0]["provenance"]["record_index"],
    ) == ("7/0", 0)


def test_first_version_ends_by_a_transfer_or_by_its_step_limit():
    hands_over = agent(None, v1_call("transfer_to_human_agents", "{}"))
    moved = {"role": "tool", "name": "transfer_to_human_agents", "content": "ok"}
    assert codes(read(run_of_v1(user("Hi"), hands_over, moved), V1_PLACE)) == [None]
    limit = run_of_v1(user("Hi"), agent("Yes?"), user("And?"))
    assert codes(read(limit, V1_PLACE)) == ["not_ended_normally"]
    crashed = run_of_v1(traj=[], reward=0.0, info={"error": "timeout", "traceback": "..."})
    assert codes(read(crashed, V1_PLACE)) == ["not_rewarded"]


def test_first_version_is_named_by_its_file():
    row = run_of_v1(user("Hi"), agent("Yes?"), STOPS)
    name = "tool-calling-gpt-4o-mini-0.2_range_0--1_user-gpt-4o-llm_0101000000.json"
    (scenario,) = read(row, RowPlace(name, 1))
    assert scenario["recorded"] is not None
    assert (scenario["recorded"]["model"], scenario["recorded"]["temperature"]) == (
        "gpt-4o-mini",
        0.2,
    )
    # The policy tells what the file's name does not.
    assert scenario["group"] == "tau2/retail/7"
    row["traj"][0]["content"] = "Help."
    (scenario,) = read(row, RowPlace(name, 1))
    assert scenario["group"] == "tau2/unknown/7"


def test_runs_of_two_models_with_the_same_task_and_trial_are_two():
    row = run_of_v1(user("Hi"), agent("Yes?"), STOPS)
    (one,), (two,) = read(row, V1_PLACE), read(row, RowPlace("sonnet-retail.json", 2))
    assert one["group"] == two["group"]
    assert one["id"] != two["id"]


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (("messages",), None, "neither messages nor ticks nor traj"),
        (("messages",), "hi", "messages is text, expected a list"),
        (("messages", 0), "hi", "message 0 is text, expected an object"),
        (("messages", 0, "role"), "robot", "message 0 has role 'robot'"),
        (("messages", 1, "tool_calls"), {"a": 1}, "tool_calls of message 1 is an object"),
        (("messages", 1, "tool_calls"), ["f"], "message 1 has a tool call without a function"),
        (
            ("messages", 1, "tool_calls", 0, "name"),
            None,
            "message 1 has a tool call without a name",
        ),
        (("messages", 1, "tool_calls", 0, "arguments"), [1], "arguments is a list"),
        (("messages", 2, "content"), 3, "content of message 2 is a number"),
        (("id",), None, "id is missing"),
        (("task_id",), None, "task_id is None"),
        (("trial",), "first", "trial is 'first'"),
        (("termination_reason",), 3, "termination_reason is 3"),
        (("reward_info",), 1.0, "reward_info is 1.0, expected an object"),
        (("reward_info", "reward"), "1.0", "reward is '1.0', expected a number"),
        (("reward_info", "reward"), True, "reward is True, expected a number"),
        (("reward_info", "reward"), 10**400, "reward is too large a number"),
        ((CONTAINER,), [], "container is .*, expected an object"),
        ((CONTAINER, "info"), "x", "info is 'x', expected an object"),
        ((CONTAINER, "info", "environment_info", "policy"), 1, "policy is 1, expected text"),
        ((CONTAINER, "info", "environment_info", "tool_defs"), 1, "tool_defs is neither"),
    ],
)
def test_malformed_row_is_one_sentence(path: tuple[Any, ...], value: Any, sentence: str):
    row = broken_at(simulation(ASKS, CANCELS, result("ok"), DONE, STOPS), path, value)
    with pytest.raises(ValueError, match=sentence):
        read(row)


JUNK = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    *(st.just([]), st.just({}), st.just([{}]), st.just([None]), st.just({"name": 1})),
    *(st.just("user"), st.just("tool"), st.just(10**400), st.just({"tool_messages": [1]})),
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_row_however_broken_raises_anything_else(data: st.DataObject):
    row = data.draw(
        st.sampled_from(
            [
                simulation(GREETING, ASKS, CANCELS, result("x", True), user(None, call("f")), DONE),
                run_of_v1(ASKS, agent(None, v1_call("f", "{}")), result("ok"), DONE, STOPS),
            ]
        )
    )
    with contextlib.suppress(SkipRow, ValueError):
        assert read(broken_anywhere(row, JUNK, data))
