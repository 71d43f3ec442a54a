"""Messages made uniform, what is refused, and the calls that stand in texts."""

from __future__ import annotations

from typing import Any

import pytest

from cb_datasets.sources.messages.calls_in_text import assistant_message, is_raw_completion
from cb_datasets.sources.messages.chat_messages import all_calls, chat_messages


def test_error_stands_in_place_of_a_result_that_is_not_there():
    failed = {"role": "tool", "content": None, "error": "no such file"}
    assert chat_messages([failed]) == [{"role": "tool", "content": "no such file"}]
    assert chat_messages([failed | {"content": "x"}]) == [{"role": "tool", "content": "x"}]


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ("hello", "messages is text, expected a list"),
        ([], "messages is empty"),
        ([None], "message 0 is null, expected an object"),
        ([{"role": "user", "content": 5}], "content of message 0 is a number, expected text"),
        ([{"role": "user", "content": "", "tool_calls": [{}]}], "a user message with tool_calls"),
    ],
)
def test_what_is_no_conversation_is_refused_in_one_sentence(raw: Any, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        chat_messages(raw)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ('{"name": "add", "parameters": {"a": 1}}', ""),
        ('<|python_tag|>{"name": "add", "parameters": {"a": 1}}<|eom_id|>', ""),
        ('I add.\n<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>', "I add."),
        ('<function=add>{"a": 1}</function>', ""),
    ],
)
def test_call_in_a_text_is_a_call(text: str, content: str):
    message = assistant_message({"role": "assistant", "content": text})
    assert message["content"] == content
    assert [(c["name"], c["arguments"]) for c in all_calls([message])] == [("add", {"a": 1})]


def test_text_without_a_call_stays_and_control_tokens_go():
    said = {"role": "assistant", "content": 'Use {"a": 1}.'}
    assert assistant_message(said) == said
    assert assistant_message({"role": "assistant", "content": "Hi<|eot_id|>"})["content"] == "Hi"
    user = {"role": "user", "content": '{"name": "add", "parameters": {}}'}
    assert assistant_message(user) == user


def test_control_tokens_tell_a_models_own_text():
    raw = {"role": "assistant", "content": "Hi<|eot_id|>"}
    assert is_raw_completion(raw)
    assert not is_raw_completion(raw | {"role": "user"})
    assert not is_raw_completion(raw | {"content": "Hi"})
