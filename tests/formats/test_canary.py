"""A template of another format is found out by what it writes, before anything is sampled."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerBase

import cb_datasets as cb
from cb_datasets.errors import FormatError
from cb_datasets.formats import format_of
from cb_datasets.formats.completion_ids import completion_token_ids
from cb_datasets.rollouts.prompts import PromptRenderer
from tests.fixtures.random_llama import TEMPLATE

HERMES = (
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if loop.first %}<tools>{{ tools | tojson }}</tools>\n{% endif %}{{ m.content }}"
    '{% for c in m.tool_calls or [] %}<tool_call>\n{"name": "{{ c.function.name }}", '
    '"arguments": {{ c.function.arguments | tojson }}}\n</tool_call>{% endfor %}<|im_end|>\n'
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WITHOUT_TOOLS = TEMPLATE.replace("if loop.first and tools", "if false")
TAGGED_CALLS = TEMPLATE.replace('{"name"', '<tool_call>{"name"').replace(
    "tojson }}}", "tojson }}}</tool_call>"
)
WRONG = {
    "a Hermes-style template": (HERMES, "the prompt does not end with the header of the assistant"),
    "a template that drops the tools": (WITHOUT_TOOLS, "the tools on offer do not stand in"),
    "calls in tags of another format": (TAGGED_CALLS, "as the format writes calls"),
    "results that the template drops": (
        TEMPLATE.replace("{{ m.content }}", "{{ m.content if m.role != 'tool' }}"),
        "the result of a call does not stand in its turn",
    ),
    "a turn of its own for results": (
        TEMPLATE.replace("'ipython' if m.role == 'tool' else m.role", "m.role"),
        "its turns are not those of the messages ('system, user, assistant, tool, assistant')",
    ),
    "two tokens that begin the text": (
        "<|begin_of_text|>" + TEMPLATE,
        "the prompt does not begin with one <|begin_of_text|>",
    ),
    "no header at the end": (
        TEMPLATE.replace("if add_generation_prompt", "if false"),
        "the prompt does not end with the header of the assistant's turn",
    ),
    "no end of a call": (
        TEMPLATE.replace("{{ m.content }}<|eot_id|>", "{{ m.content ~ ('' if m.tool_calls else "
                         "'<|eot_id|>') }}"),
        "no end token follows a call of the history",
    ),
    "a template that goes by the user's text": (
        TEMPLATE.replace("{{ m.content", "{{ m.content[:8] if m.role == 'user' else m.content"),
        "the user's message does not stand in its turn",
    ),
    "roles that must alternate": (
        "{% if messages[0].role == 'system' %}{{ raise_exception('No system') }}{% endif %}",
        "it refuses a dialog with a tool, a call and its result",
    ),
}  # fmt: skip
MESSAGES = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def other(llama_tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    return copy.deepcopy(llama_tokenizer)


@pytest.mark.parametrize(("template", "missing"), WRONG.values(), ids=WRONG)
def test_a_wrong_pair_is_refused_with_what_is_missing(
    template: str, missing: str, other: PreTrainedTokenizerBase
) -> None:
    other.chat_template = template
    with pytest.raises(FormatError) as error:
        cb.render_prompt(MESSAGES, tokenizer=other)
    said = str(error.value)
    assert missing in said
    assert said.startswith("the chat template does not write the Llama 3.1 format: ")
    assert "\n" not in said


@pytest.mark.parametrize(
    "begin",
    [
        lambda tokenizer: cb.render_prompt(MESSAGES, tokenizer=tokenizer),
        cb.FormatPrompt,
        PromptRenderer,
        lambda tokenizer: completion_token_ids("Hi", tokenizer),
    ],
    ids=["render_prompt", "FormatPrompt", "rollouts", "recorded"],
)
def test_nothing_is_written_with_a_wrong_pair(
    begin: Callable[[PreTrainedTokenizerBase], object], other: PreTrainedTokenizerBase
) -> None:
    other.chat_template = WITHOUT_TOOLS
    with pytest.raises(FormatError, match="the tools on offer do not stand in the prompt"):
        begin(other)


def test_a_verdict_is_of_tokenizer_and_template(other: PreTrainedTokenizerBase) -> None:
    assert format_of(other).name == "llama31"
    other.chat_template = WITHOUT_TOOLS
    with pytest.raises(FormatError):
        format_of(other)
    other.chat_template = TEMPLATE
    assert format_of(other).name == "llama31"


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        *(("llama3_1", True), ("llama3_2", True), ("llama3", False), ("phi3", False)),
        *(("deepseek_r1_distill", False), ("gemma", False), ("cohere", False), ("qwen3", False)),
    ],
)
def test_real_templates_on_tokens_of_llama31(
    name: str, accepted: bool, other: PreTrainedTokenizerBase
) -> None:
    trl = pytest.importorskip("trl", reason="trl is not installed")
    template = Path(trl.__file__).parent / "chat_templates" / f"{name}.jinja"
    other.chat_template = template.read_text(encoding="utf-8")
    if accepted:
        assert format_of(other).name == "llama31"
    else:
        with pytest.raises(FormatError, match="does not write the Llama"):
            format_of(other)
