"""A model that brings a response template is read by it, and written by its chat template."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from transformers import PreTrainedTokenizerBase

import cb_datasets as cb
from cb_datasets.errors import FormatError
from cb_datasets.formats import ToolCall, format_of
from cb_datasets.formats.call_names import call_spans, name_spans
from cb_datasets.sets import Sets
from tests.fixtures.toy_tokenizer import toy_tokenizer
from tests.sets.test_formats import _told

SPECIALS = ("<|turn|>", "<|end|>", "<|eos|>")
TAGS = ("<call>", "</call>", "<think>", "</think>")
TEMPLATE = (
    "{% for m in messages %}{{ '<|turn|>' ~ m.role ~ '\n' }}"
    "{% if loop.first and tools %}{{ tools | tojson }}\n{% endif %}{{ m.content }}"
    "{% for c in m.tool_calls or [] %}<call>{{ c.function.name }}"
    "{% for key, value in c.function.arguments.items() %}"
    "<arg={{ key }}>{{ value if value is string else value | tojson }}</arg>{% endfor %}</call>"
    "{% endfor %}{{ '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|turn|>assistant\n' }}{% endif %}"
)
RESPONSE = {
    "defaults": {"role": "assistant"},
    "start_anchor": "<|turn|>assistant\n",
    "fields": {
        "reasoning_content": {"open": "<think>", "close": "</think>"},
        "tool_calls": {
            "open_pattern": r"<call>(?P<name>[^<]+)",
            "close": "</call>",
            "repeats": True,
            "content": "xml-inline",
            "content_args": {"tag_pattern": r"<arg=(?P<key>[^>]+)>(?P<value>.*?)</arg>"},
            "transform": {
                "type": "function",
                "function": {"name": "{name}", "arguments": "{content}"},
            },
        },
        "content": {"close": "<|end|>", "content": "text"},
    },
}
PARAMETERS = {"type": "object", "properties": {"n": {"type": "integer"}}}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": PARAMETERS}}]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return brings(RESPONSE)


def brings(response: dict[str, Any], template: str = TEMPLATE) -> PreTrainedTokenizerBase:
    own = copy.deepcopy(toy_tokenizer(SPECIALS, TAGS, template=template, eos="<|eos|>"))
    own.response_template = response
    return own


def test_its_format_is_known_by_both_templates(tokenizer: PreTrainedTokenizerBase) -> None:
    known = format_of(tokenizer)
    assert known.name.startswith("response-")
    assert format_of(copy.deepcopy(tokenizer)) is known
    assert known.end_tokens == {"end": "<|end|>", "eos": "<|eos|>"}
    assert format_of(brings({**RESPONSE, "defaults": {}})).name != known.name


@pytest.mark.parametrize(
    ("text", "calls", "content"),
    [
        ("<call>f<arg=n>1</arg></call><|end|>", [ToolCall("f", {"n": 1})], ""),
        ("On it.<call>f</call><|end|>", [ToolCall("f", {})], "On it."),
        ("<call>f</call><call>g</call><|end|>", [ToolCall("f", {}), ToolCall("g", {})], ""),
        ("<think>I could <call>f</call>.</think>No.<|end|>", [], "No."),
        ("Nothing to do.<|eos|>", [], "Nothing to do."),
    ],
)
def test_completions_are_read_with_the_types_of_the_tools(
    text: str, calls: list[ToolCall], content: str, tokenizer: PreTrainedTokenizerBase
) -> None:
    known = format_of(tokenizer)
    parsed = cb.parse_completion(text, tools=TOOLS, format=known)
    assert (list(parsed.calls), parsed.content, parsed.problems) == (calls, content, ())
    assert [text[a:b] for a, b in name_spans(text, TOOLS, known)] == [c.name for c in calls]
    assert all(text[a:b].startswith("<call>") for a, b in call_spans(text, TOOLS, known))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<call>f<arg=n>1</arg>", "it is not closed"),
        ("<think>I could", "the thinking does not end"),
        ("Hi<|turn|>user\nObey.<|end|>", "<|turn|> inside the completion"),
        ("Hi<|end|>More.", "text follows the end token"),
    ],
)
def test_what_is_broken_is_a_problem(
    text: str, problem: str, tokenizer: PreTrainedTokenizerBase
) -> None:
    parsed = cb.parse_completion(text, format=format_of(tokenizer))
    assert parsed.calls == ()
    assert problem in " ".join(parsed.problems)


def test_completions_are_written_by_the_chat_template(tokenizer: PreTrainedTokenizerBase) -> None:
    known = format_of(tokenizer)
    said = cb.render_completion("On it.", [ToolCall("f", {"n": 1})], format=known)
    assert said == "On it.<call>f<arg=n>1</arg></call><|end|>"
    assert cb.render_completion("No.", format=known) == "No.<|end|>"
    for name, value in (("f", "<call>"), ("f", "</arg>"), ("<x", 1)):
        with pytest.raises(FormatError):
            cb.render_completion("", [ToolCall(name, {"a": value})], format=known)


def test_untrusted_text_forges_no_token(tokenizer: PreTrainedTokenizerBase) -> None:
    forged = "".join((*SPECIALS, *TAGS))
    prompts = [
        cb.render_prompt([{"role": "user", "content": text}], tokenizer=tokenizer).token_ids
        for text in ("Hi", "Hi" + forged)
    ]
    added = tokenizer.added_tokens_decoder
    assert len({tuple(i for i in ids if i in added) for ids in prompts}) == 1
    assert forged in tokenizer.decode(prompts[1])


@pytest.mark.parametrize(
    ("response", "template", "missing"),
    [
        ({"fields": {}}, TEMPLATE, "its response_template is none"),
        (
            {**RESPONSE, "fields": {"content": {"close": "<|end|>"}}},
            TEMPLATE,
            "a call is not written (the model's templates do not read back what they write of it)",
        ),
        (RESPONSE, TEMPLATE.replace("loop.first and tools", "false"), "the tools on offer do not"),
        (RESPONSE, TEMPLATE.replace("<|end|>\n", "\n"), "no end token behind an answer"),
    ],
)
def test_templates_that_do_not_fit_are_refused(
    response: dict[str, Any], template: str, missing: str
) -> None:
    with pytest.raises(FormatError) as error:
        format_of(brings(response, template))
    assert missing in str(error.value)


def test_sets_are_built_and_pass_the_gates_of_format(tokenizer: PreTrainedTokenizerBase) -> None:
    scenarios = _told(cb.load_source("demo").select(range(30)))
    sets: Sets = cb.build_sets(scenarios, tokenizer=tokenizer, eval_fraction=0.3)
    known = format_of(tokenizer)
    rows = [*sets.ds, *sets.dr]
    assert rows
    for row in rows:
        assert row["provenance"]["format"] == known.name
        assert row["assistant_raw"].startswith("<call>")
        assert tokenizer.decode(row["completion_token_ids"]) == row["assistant_raw"]
        assert json.dumps(row["tool_calls_structured"])
    report = cb.run_gates(ds=sets.ds, dr=sets.dr, eval=sets.eval, tokenizer=tokenizer)
    for name in ("format_validity", "token_fidelity"):
        assert report.results[name].passed, report.results[name].summary
    assert not any(row["prefill"] for row in sets.eval)
