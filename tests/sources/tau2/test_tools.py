"""Which tools a τ²-bench agent had on offer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cb_datasets.errors import SourceError
from cb_datasets.records import ToolCall
from cb_datasets.sources.rows import RowPlace
from cb_datasets.sources.tau2 import SOURCE
from cb_datasets.sources.tau2.tools import (
    declared_tools,
    given_tools,
    offered_tools,
    solution_calls,
)


def signature(name: str, doc: Any = "", params: Any = None) -> dict[str, Any]:
    return {"name": name, "doc": doc, "params": params, "returns": {}}


def schema(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": "", "parameters": {}}}


def names(tools: list[dict[str, Any]]) -> list[str]:
    return [tool["function"]["name"] for tool in tools]


def test_signatures_of_the_real_file_are_tau2s_own_schemas(realdata: Path):
    results = json.loads((realdata / "tau2/airline_gpt-4o_json/results.json").read_text())
    declared = results["info"]["environment_info"]["tool_defs"]
    own = json.loads((realdata / "tau2_tools/tau2_airline_openai.json").read_text())
    by_name = {tool["function"]["name"]: tool for tool in own}
    assert len(declared) == 14
    assert {tool["function"]["name"]: tool for tool in declared_tools(declared)} == by_name


def test_list_of_signatures_is_read_like_an_object_of_them():
    two = [signature("b"), signature("a")]
    assert declared_tools(two) == declared_tools({"x": two[0], "y": two[1]})
    assert names(declared_tools(two)) == ["b", "a"]


def test_description_is_what_stands_before_the_arguments():
    doc = 'def f(n: int):\n    """Does it.\n    Twice.\n\n    Args:\n        n: Number.\n    """'
    (tool,) = declared_tools([signature("f", doc, {"type": "object"})])
    assert tool["function"] == {
        **{"name": "f", "description": "Does it.\n\nTwice.", "parameters": {"type": "object"}},
    }
    assert declared_tools([signature("f", None)])[0]["function"]["description"] == ""


def test_openai_schemas_among_the_signatures_are_taken_as_they_are():
    assert declared_tools([schema("f")]) == [schema("f")]


@pytest.mark.parametrize("declared", ["f", [{}], [None], [signature("f", params=[1])], {"f": 1}])
def test_broken_signatures_are_one_sentence(declared: Any):
    with pytest.raises(ValueError, match="tool_defs"):
        declared_tools(declared)


def test_called_tool_that_is_not_declared_is_inferred():
    calls = [
        ToolCall(name="think", arguments={"thought": "Hm."}),
        ToolCall(name="f", arguments={"n": 1}),
    ]
    tools = offered_tools([signature("f")], calls)
    assert names(tools) == ["f", "think"]
    assert tools[1]["function"]["parameters"]["properties"] == {"thought": {"type": "string"}}


def test_without_declared_tools_all_are_inferred_from_calls_and_solutions():
    solutions = [
        ToolCall(name="b", arguments={"n": 1, "note": None}),
        ToolCall(name="d", arguments={}),
    ]
    tools = offered_tools(
        None,
        [ToolCall(name="c", arguments={}), ToolCall(name="b", arguments={"n": 2.5})],
        solutions,
    )
    assert names(tools) == ["b", "c", "d"]
    assert tools[0]["function"]["parameters"]["required"] == ["n"]
    assert tools[0]["function"]["parameters"]["properties"]["n"] == {"type": "number"}
    assert names(offered_tools([signature("b")], [], solutions)) == ["b"]


def test_solutions_are_the_agents_and_some_of_each_tool():
    actions = [{"name": "f", "arguments": {"n": n}, "requestor": "assistant"} for n in range(99)]
    users = {"name": "look", "arguments": {}, "requestor": "user"}
    calls = solution_calls([*actions, users, {"name": "g", "kwargs": {}}, None, {"name": 1}])
    assert {call["name"] for call in calls} == {"f", "g"}
    assert len(calls) < 99


def test_tools_that_are_given_win(tmp_path: Path):
    path = tmp_path / "tools.json"
    path.write_text(json.dumps([schema("real")]))
    for tools in ([schema("real")], path, str(path)):
        given = given_tools(tools)
        calls = [ToolCall(name="x", arguments={})]
        assert names(offered_tools([signature("f")], calls, (), given)) == ["real", "x"]


def test_a_reader_opens_the_file_of_tools_once(tmp_path: Path):
    path = tmp_path / "tools.json"
    path.write_text(json.dumps([schema("real")]))
    read_row = SOURCE.reader(tools=path)
    path.unlink()
    turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
    row = {"task_id": 3, "trial": 0, "reward": 1.0, "traj": turns}
    (scenario,) = read_row(row, RowPlace("gpt-4o-airline.json", 1))
    assert names(scenario["tools"]) == ["real"]
    with pytest.raises(SourceError, match="cannot be read"):
        SOURCE.reader(tools=path)


@pytest.mark.parametrize("content", ["{", '{"a": 1}', '[{"name": "f"}]', "\x00", "[" * 100_000])
def test_tools_that_are_none_are_the_users_mistake(tmp_path: Path, content: str):
    path = tmp_path / "tools.json"
    path.write_text(content)
    with pytest.raises(SourceError, match=r"tools\.json: "):
        given_tools(path)
    with pytest.raises(SourceError, match="cannot be read"):
        given_tools(tmp_path / "none.json")
