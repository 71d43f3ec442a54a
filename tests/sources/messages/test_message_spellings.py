"""The spellings of conversations that `openai_messages` knows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cb_datasets.sources.messages.chat_messages import chat_messages, message_calls
from cb_datasets.sources.messages.message_spellings import openai_messages

CALL = {"name": "add", "arguments": {"a": 1}}


def read(*messages: Any) -> list[dict[str, Any]]:
    return chat_messages(openai_messages(list(messages)))


@pytest.mark.parametrize(
    ("role", "meant"),
    [
        *(("developer", "system"), ("function", "tool"), ("ipython", "tool")),
        *(("model", "assistant"), ("User", "user"), ("tool", "tool")),
    ],
)
def test_roles_have_other_names(role: str, meant: str):
    assert read({"role": role, "content": "x"}) == [{"role": meant, "content": "x"}]


@pytest.mark.parametrize("role", ["wizard", None, 5, ["user"]])
def test_unknown_role_is_refused(role: Any):
    with pytest.raises(ValueError, match="message 0 has role"):
        read({"role": role, "content": "x"})


@pytest.mark.parametrize(
    "call",
    [
        CALL,
        {"id": "1", "type": "function", "function": CALL},
        {"function": {"name": "add", "arguments": '{"a": 1}'}},
        {"name": "add", "args": {"a": 1}, "id": None},
        {"function": "add", "args": {"a": 1}},
        {"name": "add", "parameters": {"a": 1}, "arguments": None},
    ],
)
def test_calls_are_spelled_in_many_ways(call: Any):
    for calls in ([call], json.dumps([call]), call):
        (message,) = read({"role": "assistant", "content": None, "tool_calls": calls})
        assert [(c["name"], c["arguments"]) for c in message_calls(message)] == [("add", {"a": 1})]
    (message,) = read({"role": "assistant", "content": None, "function_call": call})
    assert message_calls(message)[0]["name"] == "add"


def test_whole_list_may_be_json_text():
    text = json.dumps([{"role": "user", "content": "x"}])
    assert chat_messages(openai_messages(text)) == [{"role": "user", "content": "x"}]
    with pytest.raises(ValueError, match="messages is text that is not JSON"):
        openai_messages("[")


def test_sharegpt_turns_of_one_speaker_are_one_message():
    messages = read(
        {"from": "system", "value": "s"},
        {"from": "human", "value": "u"},
        {"from": "gpt", "value": "I add."},
        {"from": "function_call", "value": json.dumps(CALL)},
        {"from": "function_call", "value": json.dumps([CALL])},
        {"from": "observation", "value": "1"},
        {"from": "gpt", "value": "Done."},
    )
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert messages[2]["content"] == "I add."
    assert len(message_calls(messages[2])) == 2


def test_openai_turns_of_one_speaker_stay_two():
    assert len(read(*[{"role": "assistant", "content": "x"}] * 2)) == 2


def test_function_call_in_words_is_refused():
    with pytest.raises(ValueError, match="function call that is not JSON"):
        read({"from": "function_call", "value": "I would call add."})
    (message,) = read({"from": "function_call", "value": '<function=add>{"a": 1}</function>'})
    assert message_calls(message)[0]["arguments"] == {"a": 1}


def test_tool_results_that_are_no_text_become_json():
    results = [{"t": 5}, [{"id": 1}], 7, True]
    messages = read(*({"role": "tool", "content": result} for result in results))
    assert [json.loads(m["content"]) for m in messages] == results
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert read({"role": "tool", "content": parts})[0]["content"] == "a\nb"


def text_part(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def tool_use(name: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"id-{name}", "name": name, "input": arguments}


def tool_result(name: str, content: Any, **members: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": f"id-{name}", "content": content, **members}


def test_parts_of_anthropic_are_calls_and_results():
    messages = read(
        {"role": "user", "content": "Add 1 and 2."},
        {"role": "assistant", "content": [text_part("I add."), tool_use("add", a=1, b=2)]},
        {"role": "user", "content": [tool_result("add", [text_part("3")]), text_part("Thanks.")]},
        {"role": "assistant", "content": [text_part("It is 3.")]},
    )
    assert [(m["role"], m["content"]) for m in messages] == [
        ("user", "Add 1 and 2."),
        ("assistant", "I add."),
        ("tool", "3"),
        ("user", "Thanks."),
        ("assistant", "It is 3."),
    ]
    (call,) = message_calls(messages[1])
    assert (call["name"], call["arguments"]) == ("add", {"a": 1, "b": 2})


def test_results_of_anthropic_stand_in_the_order_of_their_calls():
    asked = {"role": "assistant", "content": [tool_use("a"), tool_use("b"), tool_use("c")]}
    strange = {"type": "tool_result", "content": "?"}
    results = [strange, tool_result("c", "3"), tool_result("a", "1"), tool_result("b", "2")]
    messages = read(asked, {"role": "user", "content": results})
    assert [m["content"] for m in messages] == ["", "1", "2", "3", "?"]


def test_results_of_anthropic_may_be_empty_failed_or_no_text():
    results = [tool_result("a", None), tool_result("b", "No.", is_error=True), tool_result("c", {})]
    messages = read({"role": "user", "content": results})
    assert [(m["role"], m["content"]) for m in messages] == [
        ("tool", ""),
        ("tool", "No."),
        ("tool", "{}"),
    ]


def test_parts_that_a_table_filled_with_nulls_are_the_same_parts():
    keys = ("text", "id", "name", "input", "tool_use_id", "content", "is_error")
    filled = [
        {**dict.fromkeys(keys), **part} for part in (text_part("I add."), tool_use("add", a=1))
    ]
    plain = read({"role": "assistant", "content": [text_part("I add."), tool_use("add", a=1)]})
    assert read({"role": "assistant", "content": filled}) == plain


def test_thoughts_are_no_part_of_what_was_said():
    thoughts = [{"type": "thinking", "thinking": "x"}, {"type": "redacted_thinking", "data": "y"}]
    (message,) = read({"role": "assistant", "content": [*thoughts, text_part("Hello.")]})
    assert message == {"role": "assistant", "content": "Hello."}


def test_call_that_stands_in_the_parts_and_beside_them_was_made_once():
    beside = [{"name": "add", "args": {"a": 1}, "id": "id-add"}]
    said = {"role": "ai", "content": [tool_use("add", a=1)], "tool_calls": beside}
    (message,) = read(said)
    assert len(message_calls(message)) == 1


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("user", tool_use("add")),
        ("assistant", tool_result("add", "3")),
        ("user", {"type": "image", "source": {}}),
        ("user", tool_result("add", [{"type": "image", "source": {}}])),
        ("assistant", {"type": "server_tool_use", "name": "web_search", "input": {}}),
    ],
)
def test_parts_that_say_something_else_are_refused(role: str, part: dict[str, Any]):
    with pytest.raises(ValueError, match="has a part of type"):
        read({"role": role, "content": [text_part("x"), part]})
    with pytest.raises(ValueError, match="tool call without a name"):
        read({"role": "assistant", "content": [{"type": "tool_use", "input": {}}]})
