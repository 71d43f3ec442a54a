"""The traps of τ²-bench runs, each on a row written for it."""

from __future__ import annotations

import pytest

from cb_datasets.errors import SourceError
from cb_datasets.records import CallPattern, ToolCall
from cb_datasets.sources.rows import CONTAINER, RowPlace
from tests.sources.tau2.written_rows import (
    ASKS,
    CANCELS,
    DONE,
    GREETING,
    STOPS,
    agent,
    call,
    codes,
    read,
    result,
    simulation,
    user,
)


def test_every_decision_is_a_scenario_that_ends_before_it():
    first, second = read(simulation(ASKS, CANCELS, result("ok"), DONE, STOPS))
    assert first["id"] == "tau2/airline/7/s1#turn2"
    assert [m["role"] for m in first["messages"]] == ["system", "user"]
    assert first["messages"][0]["content"] == "Be kind."
    assert first["expected"]["calls"] == [
        CallPattern(name="cancel", arguments={"reservation": {"equals": "ABC"}})
    ]
    assert first["recorded"] is not None
    assert first["recorded"]["calls"] == [ToolCall(name="cancel", arguments={"reservation": "ABC"})]
    assert (first["recorded"]["model"], first["recorded"]["temperature"]) == ("m", 0.5)
    assert second["id"] == "tau2/airline/7/s1#turn4"
    assert second["messages"][-1] == {"role": "tool", "content": "ok"}
    assert (second["expected"]["behavior"], second["expected"]["calls"]) == ("answer", [])
    assert first["group"] == second["group"] == "tau2/airline/7"
    assert (first["provenance"]["record_id"], first["provenance"]["record_index"]) == ("s1", 2)
    assert codes([first, second]) == [None, None]


def test_later_calls_are_those_of_later_turns():
    scenarios = read(simulation(ASKS, CANCELS, result("ok"), CANCELS, result("ok"), DONE))
    recorded = [s["recorded"] for s in scenarios]
    assert [len(r["later_calls"]) for r in recorded if r] == [1, 0, 0]


def test_policy_denial_of_a_rewarded_run_is_a_refusal_of_its_own_kind():
    (denial,) = read(simulation(ASKS, agent("I'm sorry, but I cannot cancel it."), STOPS))
    assert (denial["expected"]["behavior"], denial["set_aside"]) == ("refusal", None)
    assert denial["probe"] == "policy_answer"


def test_canned_greeting_stays_in_the_history_and_is_no_decision():
    (answer,) = read(simulation(GREETING, ASKS, DONE, STOPS))
    assert [m["role"] for m in answer["messages"]] == ["system", "assistant", "user"]
    assert codes(read(simulation(GREETING, ASKS))) == ["no_assistant_turn"]


def test_system_message_of_the_run_is_not_doubled():
    own = {"role": "system", "content": "Own prompt."}
    (answer,) = read(simulation(own, ASKS, DONE, STOPS))
    assert [m["content"] for m in answer["messages"]] == ["Own prompt.", "Cancel ABC."]


def test_policy_of_the_simulation_goes_before_that_of_the_file():
    (answer,) = read(simulation(ASKS, DONE, STOPS, policy="Be brief."))
    assert answer["messages"][0]["content"] == "Be brief."


def test_calls_of_the_user_are_not_the_agents():
    row = simulation(
        *(ASKS, agent("Restart it, please."), user(None, call("restart", "user"))),
        *(result("restarted", requestor="user"), user("Looking.", call("look", "user"))),
        *(result("no bars", True, requestor="user"), user("It works."), DONE, STOPS),
    )
    first, second = read(row)
    assert [m["content"] for m in second["messages"][1:]] == [
        *("Cancel ABC.", "Restart it, please.", "Looking.", "It works.")
    ]
    assert all("tool_calls" not in message for message in second["messages"])
    assert first["tools"] == []
    assert codes([first, second]) == [None, None]


def test_result_without_requestor_belongs_to_who_called_last():
    nobodys = {"role": "tool", "content": "bars"}
    row = simulation(ASKS, user(None, call("look", "user")), nobodys, CANCELS, nobodys, DONE)
    assert [m["role"] for m in read(row)[1]["messages"][1:]] == ["user", "assistant", "tool"]


def test_call_that_an_agent_message_holds_for_the_user_is_dropped():
    shared = agent(None, call("look", "user"), call("cancel"))
    (both, *_) = read(simulation(ASKS, shared, result("x", requestor="user"), result("ok"), DONE))
    assert both["recorded"] is not None
    assert both["recorded"]["calls"] == [ToolCall(name="cancel", arguments={})]


def test_bundled_results_are_taken_apart_and_paired_by_position():
    two = agent(None, call("get"), call("cancel"))
    bundle = {"role": "tool", "tool_messages": [result("one"), result("Error: no", True)]}
    first, second = read(simulation(ASKS, two, bundle, DONE, STOPS))
    assert [m["content"] for m in second["messages"][-2:]] == ["one", "Error: no"]
    assert codes([first, second]) == ["call_failed", None]


def test_failed_call_is_no_right_tool_use_even_in_a_rewarded_run():
    row = simulation(ASKS, CANCELS, result("Error: x", True), CANCELS, result("ok"), DONE, STOPS)
    assert codes(read(row)) == ["call_failed", None, None]


def test_empty_result_stays_empty_whatever_its_error():
    row = simulation(ASKS, CANCELS, result(None, True), DONE, STOPS)
    assert read(row)[1]["messages"][-1] == {"role": "tool", "content": ""}


@pytest.mark.parametrize("reward", [0.0, 0.5, 0.999])
def test_run_without_full_reward_is_set_aside_with_its_reward(reward: float):
    scenarios = read(simulation(ASKS, CANCELS, result("Error", True), DONE, reward=reward))
    assert codes(scenarios) == ["not_rewarded"] * 2
    assert str(reward) in str(scenarios[0]["set_aside"])


def test_reward_is_full_up_to_rounding():
    assert codes(read(simulation(ASKS, DONE, reward=1 - 1e-9))) == [None]


def test_run_that_was_not_graded_is_set_aside():
    assert codes(read(simulation(ASKS, DONE, reward=None))) == ["no_reward"]
    assert codes(read(simulation(ASKS, DONE, reward_info=None))) == ["no_reward"]


@pytest.mark.parametrize(
    "ending",
    [
        *("max_steps", "timeout", "too_many_errors", "agent_error", "user_error"),
        *("infrastructure_error", "context_window_exceeded", "unexpected_error"),
    ],
)
def test_rewarded_run_that_did_not_end_normally_is_set_aside(ending: str):
    (scenario,) = read(simulation(ASKS, DONE, termination_reason=ending))
    assert scenario["set_aside"] == f"not_ended_normally: The run ended by {ending}."


def test_agent_may_end_the_run_too():
    assert codes(read(simulation(ASKS, DONE, termination_reason="agent_stop"))) == [None]


def test_ending_that_is_not_told_is_that_of_the_last_messages():
    assert codes(read(simulation(ASKS, DONE, STOPS, termination_reason=None))) == [None]
    broken = read(simulation(ASKS, DONE, termination_reason=None))
    assert codes(broken) == ["not_ended_normally"]


def test_voice_run_is_one_scenario_without_messages():
    for fields in ({"messages": None, "ticks": [{"tick_id": 0}]}, {"messages": None, "ticks": []}):
        (scenario,) = read(simulation(**fields))
        assert codes([scenario]) == ["voice_run"]
        assert (scenario["messages"], scenario["recorded"]) == ([], None)
    assert codes(read(simulation(user("UklGRg==", is_audio=True), DONE))) == ["voice_run"]


def test_run_that_failed_before_it_began_is_counted():
    failed = read(simulation(reward=None, termination_reason="infrastructure_error"))
    assert [s["set_aside"] for s in failed] == [
        "no_reward: The run was not graded. The run ended by infrastructure_error."
    ]
    assert codes(read(simulation())) == ["no_assistant_turn"]


def test_run_without_user_has_its_task_elsewhere():
    assert codes(read(simulation(CANCELS, result("ok"), agent("###STOP###")))) == [
        "no_user_message"
    ]


def test_what_the_model_did_not_write_is_no_completion():
    mark = agent("###STOP###")
    prose = agent('Thought: cancel\nAction:\n{"name": "cancel", "arguments": {}}')
    cut = agent("Fine.", context_truncation={"messages_dropped": 2})
    assert codes(read(simulation(ASKS, mark, prose, cut))) == [
        *("stop_mark", "call_in_text", "context_cut")
    ]


def test_timestamps_count_only_where_each_message_has_its_own():
    same = {"timestamp": "2026-01-01T00:00:00"}
    later = {"timestamp": "2026-01-01T00:00:09.5"}
    (constant,) = read(simulation(user("Hi", **same), agent("Yes?", **same)))
    (real,) = read(simulation(user("Hi", **same), agent("Yes?", **later)))
    (strange,) = read(simulation(user("Hi", **same), agent("Yes?", timestamp="soon")))
    stamps = [s["recorded"] and s["recorded"]["timestamp"] for s in (constant, real, strange)]
    assert stamps == [None, "2026-01-01T00:00:09.5", None]


def test_turns_first_and_decisive():
    row = simulation(ASKS, agent("Sure?"), user("Yes."), CANCELS, result("ok"), DONE, STOPS)
    assert [s["id"][-1] for s in read(row, turns="first")] == ["2"]
    assert [s["id"][-1] for s in read(row, turns="decisive")] == ["4"]
    talk = simulation(ASKS, agent("Sure?"), user("No."), DONE, STOPS)
    assert [s["id"][-1] for s in read(talk, turns="decisive")] == ["4"]
    with pytest.raises(SourceError, match="turns is 'last'"):
        read(row, turns="last")


def test_simulation_without_its_head_is_read():
    row = simulation(ASKS, CANCELS, result("ok"), DONE)
    del row[CONTAINER]
    first, _ = read(row, RowPlace("s1.json", 1))
    assert first["group"] == "tau2/unknown/7"
    assert [m["role"] for m in first["messages"]] == ["user"]
    assert first["recorded"] is not None
    assert first["recorded"]["model"] is None
