"""The turns of a prompt are its messages, also where the template writes one under another role."""

from __future__ import annotations

import pytest

import cb_datasets as cb
from cb_datasets.formats import find_format
from cb_datasets.models.tokenizer import load_tokenizer

TOOL = {"type": "function", "function": {"name": "get_line", "parameters": {"type": "object"}}}
GREETED = [
    {"role": "system", "content": "Be kind."},
    {"role": "assistant", "content": "Hi!"},
    {"role": "user", "content": "No signal."},
]


@pytest.mark.parametrize("first", [0, 1], ids=["with a system message", "without"])
@pytest.mark.parametrize("tools", [[TOOL], []], ids=["with tools", "without tools"])
def test_a_greeting_before_the_first_request_is_a_turn(first: int, tools: list[object]) -> None:
    """With tools, Llama's template writes the first message into the user's turn, whose it is."""
    tokenizer, messages = load_tokenizer(None), GREETED[first:]
    prompt = cb.render_prompt(messages, tools, tokenizer=tokenizer)
    turns = find_format("llama31").headers.message_turns(prompt.token_ids, messages, tokenizer)
    assert [turn.message for turn in turns][-3:] == [len(messages) - 2, len(messages) - 1, None]
    assert turns[1].role == ("user" if tools else "assistant")


def test_a_message_under_a_wrong_role_is_none() -> None:
    tokenizer = load_tokenizer(None)
    prompt = cb.render_prompt(GREETED, tokenizer=tokenizer)
    headers = find_format("llama31").headers
    told = [GREETED[0], {"role": "tool", "content": "Hi!"}, GREETED[2]]
    assert headers.message_turns(prompt.token_ids, GREETED, tokenizer)
    assert not headers.message_turns(prompt.token_ids, told, tokenizer)
