"""A user's own rows: attack logs, agent traces and prompts, and the scenarios in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cb_datasets.errors import SourceError
from cb_datasets.records import CallPattern, Expected, Scenario, ToolCall
from cb_datasets.schema import set_table
from tests.sources.generic.written_rows import (
    ASK,
    ATTACK,
    DONE,
    HIJACKED,
    INJECTION,
    POISONED,
    READ,
    Row,
    attack_row,
    call,
    fate,
    fates,
    read,
    read_one,
    result,
    says,
    user,
)


def test_group_is_the_request_whatever_is_injected():
    benign = read_one({"messages": [user("Find a cafe in Turin.")]})
    loud = attack_row(user(f"Find  a CAFE in Turin. \n\n{INJECTION}"), HIJACKED)
    assert read_one(loud, ATTACK)["group"] == benign["group"]
    assert read_one({"messages": [user("Find a bar in Turin.")]})["group"] != benign["group"]
    mapped = read_one({"messages": [user("x")], "task": 12}, {"group": "task"})
    assert mapped["group"] == "generic/12"
    whole = attack_row(user(INJECTION), HIJACKED)
    assert read_one(whole, ATTACK)["group"] == read_one({"messages": [user(INJECTION)]})["group"]


def test_prompt_with_a_history_is_one_scenario_about_what_comes_next():
    row = {"messages": [user("Hi"), says("Hello"), ASK], "right": "read_notes"}
    scenario = read_one(row, {"expected": {"calls": "right"}})
    assert scenario["messages"][-1]["content"] == ASK["content"]
    assert scenario["expected"] == Expected(
        behavior="call", calls=[CallPattern(name="read_notes", arguments={})], task_calls=[]
    )
    assert (scenario["recorded"], scenario["id"]) == (None, "generic/my log/my log.jsonl:3")


def test_completion_beside_the_messages():
    raw = '<|python_tag|>{"name": "read_notes", "parameters": {}}<|eom_id|>'
    mapping = {
        "completion": "out",
        "expected": {"calls": {"value": "read_notes"}},
        "model": {"value": "m"},
        "temperature": "t",
    }
    row = {"messages": [user("Hi"), says("Hello"), ASK], "t": 0.5}
    scenario = read_one(row | {"out": raw}, mapping)
    assert scenario["recorded"] is not None
    assert scenario["recorded"]["raw"] == raw
    assert scenario["recorded"]["calls"] == [ToolCall(name="read_notes", arguments={})]
    assert (scenario["recorded"]["model"], scenario["recorded"]["temperature"]) == ("m", 0.5)
    assert (fate(scenario), len(scenario["messages"])) == ("tool_use", 3)
    for out in (READ, [READ], json.loads(json.dumps(READ))):
        assert fates(row | {"out": out}, mapping) == ["tool_use"]
    assert fates(row | {"out": "Some prose."}, mapping) == ["benign_no_tool"]
    assert fates(row | {"out": None}, mapping) == ["to be sampled"]
    assert fates(row | {"out": raw.removesuffix("<|eom_id|>")}, mapping) == ["no_end_token"]


def test_completion_that_the_messages_hold_too_is_one_turn():
    raw = '<|python_tag|>{"name": "read_notes", "parameters": {}}<|eom_id|>'
    mapping = {"completion": "out", "expected": {"calls": {"value": "read_notes"}}}
    scenario = read_one({"messages": [ASK, READ], "out": raw}, mapping)
    assert (fate(scenario), len(scenario["messages"])) == ("tool_use", 1)
    with pytest.raises(ValueError, match="messages end with another turn than the completion"):
        read({"messages": [ASK, DONE], "out": raw}, mapping)
    with pytest.raises(ValueError, match=r"completion .column 'out'.* is a user message"):
        read({"messages": [ASK], "out": user("x")}, mapping)


def test_agent_trace_rows_as_datasets_describes_them():
    from datasets import Dataset
    from datasets.packaged_modules.json.json import AGENT_TRACES_FEATURES

    tools = [{"type": "function", "function": {"name": "bash", "parameters": {"type": "object"}}}]
    first = {
        "harness": "pi",
        "session_id": "s-1",
        "prompt": "List the files.",
        "messages": [
            {"role": "developer", "content": "You are an agent."},
            {"role": "user", "content": [{"type": "text", "text": "List the files."}]},
            {
                "role": "assistant",
                "content": "",
                "reasoning_content": "ls will do",
                "tool_calls": [
                    {"id": "c", "type": "function", "function": call("bash", cmd="ls")["function"]}
                ],
            },
            {"role": "tool", "tool_call_id": "c", "content": "a.txt"},
            {"role": "assistant", "content": "There is a.txt."},
        ],
        "tools": tools,
        "metadata": {"trace_type": "pi", "model": "some-model", "resolved": True},
        "sent_at": "2026-01-02T03:04:05Z",
        "num_user_messages": 1,
        "num_tool_calls": 1,
        "trace": {"type": "session"},
        "file_path": "a.jsonl",
    }
    rows = Dataset.from_list([first], features=AGENT_TRACES_FEATURES)
    row = dict(rows[0])
    scenarios = read(row, {"accepted": "metadata.resolved", "id": "session_id"})
    assert [fate(s) for s in scenarios] == ["tool_use", "answer"]
    assert scenarios[0]["id"] == "generic/my log/s-1#turn2"
    assert scenarios[0]["messages"][0] == {"role": "system", "content": "You are an agent."}
    assert scenarios[0]["tools"] == tools
    recorded = scenarios[1]["recorded"]
    assert recorded is not None
    assert (recorded["model"], recorded["timestamp"]) == ("some-model", "2026-01-02T03:04:05Z")


def test_sharegpt_rows_with_system_and_tools_as_text():
    row = {
        "conversations": [
            {"from": "human", "value": "Multiply 17 by 19."},
            {"from": "function_call", "value": '{"name": "mul", "arguments": {"a": 17, "b": 19}}'},
            {"from": "observation", "value": "323"},
            {"from": "gpt", "value": "It is 323."},
        ],
        "system": "You calculate.",
        "tools": '[{"name": "mul", "description": "Multiply.", "parameters": {"type": "object"}}]',
    }
    scenarios = read(row, {"accepted": {"value": True}})
    assert [fate(s) for s in scenarios] == ["tool_use", "answer"]
    assert scenarios[0]["messages"][0] == {"role": "system", "content": "You calculate."}
    assert scenarios[0]["tools"][0]["type"] == "function"
    assert scenarios[0]["expected"]["calls"][0]["arguments"] == {
        "a": {"equals": 17},
        "b": {"equals": 19},
    }


def test_mapping_file_and_options_that_are_wrong_are_no_malformed_rows(tmp_path: Path):
    path = tmp_path / "map.yaml"
    path.write_text("messages: log\natack: {injection: x}\n")
    with pytest.raises(SourceError, match=r"map\.yaml: .* 'atack', did you mean 'attack'"):
        read({"log": [ASK]}, path)
    path.write_text("messages: log\nexpected: {behavior: {value: answer}}\n")
    assert fates({"log": [ASK, DONE]}, path) == ["answer"]
    with pytest.raises(SourceError, match="turns is 'some'"):
        read({"messages": [ASK]}, turns="some")


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({}, "messages .column 'messages' or 'conversations'. is missing"),
        ({"messages": []}, "messages is empty"),
        ({"messages": [ASK], "tools": 5}, "tools is int"),
        ({"messages": [ASK], "tools": "{"}, "tools is text that is not JSON"),
        ({"messages": [ASK], "tools": [{"type": "web_search"}]}, "tool 0 has no name"),
        ({"messages": [ASK], "who": ["x"]}, r"group .column 'who'. is list"),
        ({"messages": [ASK, says("", {"function": {"name": ""}})]}, "call without a name"),
        (
            {"messages": [ASK, says("", {"name": "f", "arguments": '{"a": "\\ud800"}'})]},
            "half a surrogate pair",
        ),
    ],
)
def test_malformed_rows_are_named_by_their_field(row: Row, field: str):
    with pytest.raises(ValueError, match=field):
        read(row, {"group": "who"})


def test_scenarios_can_be_stored():
    row = attack_row(ASK, READ, POISONED, HIJACKED, result("posted"), DONE)
    scenarios = read(row, ATTACK, "all")
    table = set_table(scenarios, Scenario)
    assert table[1]["attack"]["targets"][0]["name"] == "post_note"


def test_row_is_left_as_it_was():
    row = attack_row(ASK, READ, POISONED, HIJACKED, tools=[{"name": "post_note"}])
    before = json.dumps(row)
    read(row, ATTACK, "all")
    assert json.dumps(row) == before


def test_log_of_anthropics_api():
    row = {
        "system": [{"type": "text", "text": "You keep notes."}, {"type": "text", "text": "Now."}],
        "tools": [{"name": "read_notes", "input_schema": {"type": "object"}}],
        "messages": [
            ASK,
            {"role": "assistant", "content": [{"type": "tool_use", "name": "read_notes"}]},
            {"role": "user", "content": [{"type": "tool_result", "content": "Buy milk."}]},
        ],
        "response": {"role": "assistant", "content": [{"type": "text", "text": "Buy milk."}]},
    }
    mapping = {"completion": "response", "accepted": {"value": True}}
    scenario = read_one(row, mapping)
    assert [m["role"] for m in scenario["messages"]] == ["system", "user", "assistant", "tool"]
    assert scenario["messages"][0]["content"] == "You keep notes.\nNow."
    assert scenario["tools"][0]["function"]["parameters"] == {"type": "object"}
    assert fate(scenario) == "answer"
