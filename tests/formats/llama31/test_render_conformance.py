"""The bundled template writes what the official one writes, character for character."""

from __future__ import annotations

import itertools
import random
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerBase
from transformers.utils.chat_template_utils import _compile_jinja_template

from cb_datasets.formats import default_chat_template, render_prompt
from tests.fixtures.random_llama import TEMPLATE

Message = dict[str, Any]
Dialog = tuple[list[Message], dict[str, Any]]

TEXTS = [
    "Hi.",
    "  two\n\nlines  ",
    'say "hi" & <b>',
    "é😀 \u2028",
    "{{ x }} {% y %}",
    "",
    "It's 5; ok?",
]
VALUES: list[Any] = [
    "x",
    "",
    3,
    -0.5,
    None,
    True,
    [1, "é"],
    {"k": {"l": []}},
    'it\'s "q" <&>',
    2**70,
]
RESULTS: list[Any] = [
    "plain",
    '{"ok": true}',
    {"ok": True, "n": [1, 2]},
    [{"a": "é<"}],
    ["x"],
    [],
    {},
    5,
    None,
]


def schema(name: str, *parameters: str) -> Message:
    properties = {p: {"type": "string", "description": 'of "é" & <x>'} for p in parameters}
    function = {
        "name": name,
        "description": f"Does {name}.",
        "parameters": {"type": "object", "properties": properties, "required": list(parameters)},
    }
    return {"type": "function", "function": function}


def dialog(seed: int) -> Dialog:
    rng = random.Random(seed)
    messages: list[Message] = []
    if rng.random() < 0.6:
        messages.append({"role": "system", "content": rng.choice(TEXTS)})
    for _ in range(rng.randint(1, 3)):
        messages.append({"role": "user", "content": rng.choice(TEXTS)})
        if rng.random() < 0.6:
            name = rng.choice(["search_web", "brave_search", "é_tool"])
            values = ["x", "it's"] if name == "brave_search" else VALUES
            arguments = {f"a{n}": rng.choice(values) for n in range(rng.randint(0, 3))}
            call = {"type": "function", "function": {"name": name, "arguments": arguments}}
            messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
            role = rng.choice(["tool", "ipython"])
            messages.append({"role": role, "content": rng.choice(RESULTS)})
        if rng.random() < 0.5:
            messages.append({"role": "assistant", "content": rng.choice(TEXTS)})
    options: dict[str, Any] = {}
    if rng.random() < 0.6:
        options["tools"] = [schema("search_web", "query"), schema("é_tool"), schema("f", "a", "b")]
        options["tools"] = options["tools"][: rng.randint(1, 3)]
        if rng.random() < 0.5:
            options["tools_in_user_message"] = rng.random() < 0.5
    if rng.random() < 0.3:
        options["builtin_tools"] = rng.choice(
            [["brave_search"], ["code_interpreter", "brave_search"]]
        )
    if rng.random() < 0.4:
        options["date_string"] = rng.choice(["01 Jan 2026", "", "<26>"])
    return messages, options


@cache
def official() -> Any:
    trl = find_spec("trl")
    if trl is None or trl.origin is None:
        pytest.skip("trl is not installed: it ships the official template to compare with")
    path = Path(trl.origin).parent / "chat_templates" / "llama3_1.jinja"
    return _compile_jinja_template(path.read_text(encoding="utf-8"))


SEEDS = range(400)


def test_400_dialogs_have_the_text_of_the_official_template(
    llama_tokenizer: PreTrainedTokenizerBase,
):
    seen: set[str] = set()
    for messages, options in map(dialog, SEEDS):
        expected = official().render(
            messages=messages,
            bos_token="<|begin_of_text|>",
            add_generation_prompt=True,
            **{"tools": None, **options},
        )
        assert render_prompt(messages, tokenizer=llama_tokenizer, **options).text == expected
        seen.add(expected)
    assert len(seen) >= 380


def test_token_ids_are_those_of_apply_chat_template(llama_tokenizer: PreTrainedTokenizerBase):
    for messages, options in map(dialog, SEEDS):
        if any(message.get("content", "") is None for message in messages):
            # The template writes "None"; transformers 5.24 takes the key out and then fails.
            continue
        expected = llama_tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=True, return_dict=False, **options
        )
        rendered = render_prompt(messages, tokenizer=llama_tokenizer, **options)
        assert rendered.token_ids == expected
        assert rendered.neutralized_control_tokens == rendered.non_template_messages == 0


def test_decoded_ids_are_the_text(llama_tokenizer: PreTrainedTokenizerBase):
    for messages, options in map(dialog, itertools.islice(SEEDS, 0, None, 5)):
        rendered = render_prompt(messages, tokenizer=llama_tokenizer, **options)
        decoded = llama_tokenizer.decode(
            rendered.token_ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        assert decoded == rendered.text


def test_begin_of_text_stands_once_and_first(llama_tokenizer: PreTrainedTokenizerBase):
    for messages, options in map(dialog, itertools.islice(SEEDS, 50)):
        ids = render_prompt(messages, tokenizer=llama_tokenizer, **options).token_ids
        bos = llama_tokenizer.bos_token_id
        assert [n for n, i in enumerate(ids) if i == bos] == [0]


def test_a_tokenizer_without_a_template_gets_the_bundled_one(
    llama_tokenizer: PreTrainedTokenizerBase,
):
    import copy

    bare = copy.deepcopy(llama_tokenizer)
    bare.chat_template = None
    messages = [{"role": "user", "content": "Hi."}]
    assert render_prompt(messages, tokenizer=bare) == render_prompt(
        messages, tokenizer=llama_tokenizer
    )


def test_a_tokenizers_own_template_is_used_and_its_hash_recorded(
    llama_tokenizer: PreTrainedTokenizerBase,
):
    import copy
    import hashlib

    own = copy.deepcopy(llama_tokenizer)
    own.chat_template = TEMPLATE
    rendered = render_prompt([{"role": "system", "content": "Hi."}], tokenizer=own)
    assert rendered.text == (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nHi.<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )
    assert rendered.template_hash == hashlib.sha256(own.chat_template.encode()).hexdigest()
    plain = render_prompt([{"role": "user", "content": "Hi."}], tokenizer=llama_tokenizer)
    assert plain.template_hash == hashlib.sha256(default_chat_template().encode()).hexdigest()


def test_empty_and_absent_tools_are_the_same(llama_tokenizer: PreTrainedTokenizerBase):
    messages = [{"role": "user", "content": "Hi.", "tool_calls": None}]
    rendered = {
        render_prompt(messages, tools, tokenizer=llama_tokenizer).text for tools in (None, [], ())
    }
    assert len(rendered) == 1
    assert "ipython" not in rendered.pop()


def test_text_parts_and_arguments_as_json_text_are_what_they_stand_for(
    llama_tokenizer: PreTrainedTokenizerBase,
):
    def history(content: Any, arguments: Any) -> str:
        call = {"type": "function", "function": {"name": "f", "arguments": arguments}}
        messages = [
            {"role": "user", "content": content},
            {"role": "assistant", "content": None, "tool_calls": [call]},
        ]
        return render_prompt(messages, tokenizer=llama_tokenizer).text

    parts = [{"type": "text", "text": "Hi "}, {"type": "text", "text": "there."}]
    assert history(parts, '{"a": 1}') == history("Hi there.", {"a": 1})
