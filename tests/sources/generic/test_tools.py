"""Tools on offer, as a row spells them or as its calls suggest."""

from __future__ import annotations

from typing import Any

from cb_datasets.records import ToolCall
from cb_datasets.sources.messages.inferred_tools import inferred_schema, tool_schemas
from tests.sources.generic.written_rows import (
    ASK,
    DONE,
    READ,
    Row,
    read_one,
    result,
)


def test_inferred_schema_says_what_was_seen():
    calls = [
        ToolCall(name="f", arguments={"n": 1, "tags": ["a"], "x": None}),
        ToolCall(name="f", arguments={"n": 1.5, "on": True, "tags": []}),
        ToolCall(name="g", arguments={"z": 1}),
    ]
    parameters = inferred_schema("f", calls)["function"]["parameters"]
    assert parameters["properties"] == {
        "n": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "x": {},
        "on": {"type": "boolean"},
    }
    assert parameters["required"] == ["n", "tags"]
    assert inferred_schema("h", calls)["function"]["parameters"]["properties"] == {}


def test_no_tools_is_another_thing_than_none_said():
    assert (tool_schemas([]), tool_schemas(None), tool_schemas(" ")) == ([], None, None)
    row = {"messages": [ASK, READ, result(""), DONE], "tools": []}
    assert read_one(row)["tools"] == []


def test_null_members_that_a_table_filled_in_are_left_out():
    def function(name: str, **properties: Any) -> Row:
        filled = {"city": None, "text": None, **properties}
        return {"name": name, "description": None, "parameters": {"properties": filled}}

    made = {"name": "get_weather", "arguments": {"city": "Turin", "text": None}}
    row = {
        "messages": [
            {"role": "user", "content": "Weather?", "tool_calls": None, "name": None},
            {"role": "assistant", "content": None, "tool_calls": [{"id": None, "function": made}]},
        ],
        "tools": [
            {"type": "function", "function": function("get_weather", city={"type": "string"})},
            {"type": "function", "function": function("post_note", text={"type": "string"})},
        ],
        "id": None,
        "ok": 1,
    }
    scenario = read_one(row, {"accepted": "ok"})
    assert scenario["recorded"] is not None
    assert scenario["recorded"]["calls"] == [
        ToolCall(name="get_weather", arguments={"city": "Turin"})
    ]
    assert scenario["tools"][0]["function"]["parameters"] == {
        "properties": {"city": {"type": "string"}}
    }
    said_null = {"name": "get_weather", "arguments": {"city": None}}
    row["messages"][1]["tool_calls"][0]["function"] = said_null
    said = read_one(row, {"accepted": "ok"})["recorded"]
    assert said is not None
    assert said["calls"] == [ToolCall(name="get_weather", arguments={"city": None})]
