"""The tiny agent: small, in the format, and as undefended as the pipeline needs it to be."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from cb_datasets.assets import tiny_agent_path
from cb_datasets.formats import default_chat_template, render_prompt
from cb_datasets.formats.llama31.tokens import CONTROL_TOKENS, END_TOKENS
from cb_datasets.records import Scenario
from cb_datasets.sources.demo.source import demo_scenarios

TRAINING = Path(__file__).parents[2] / "examples" / "train_tiny_agent"
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(tiny_agent_path())


@pytest.fixture(scope="module")
def evaluation(training: ModuleType) -> ModuleType:
    return sys.modules["evaluation"]


@pytest.fixture(scope="module")
def training() -> Iterator[ModuleType]:
    # Another example has a train.py too, and a test in this process may have imported it.
    names = {path.stem for path in TRAINING.glob("*.py")}
    others = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    sys.path.insert(0, str(TRAINING))
    try:
        import train as module

        yield module
    finally:
        sys.path.remove(str(TRAINING))
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(others)


def test_it_is_small_and_complete() -> None:
    files = {path.name: path.stat().st_size for path in tiny_agent_path().iterdir()}
    assert sum(files.values()) <= 8 * MEGABYTE
    assert {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "README.md",
    } <= set(files)


def test_the_card_says_what_it_is_and_how_it_does() -> None:
    card = (tiny_agent_path() / "README.md").read_text(encoding="utf-8")
    assert "no substitute for a real generator" in card
    assert "right tool, exact arguments" in card


def test_generation_stops_at_every_end_token(tokenizer: PreTrainedTokenizerBase) -> None:
    from transformers import GenerationConfig

    config = GenerationConfig.from_pretrained(tiny_agent_path())
    ends = tokenizer.convert_tokens_to_ids(list(END_TOKENS.values()))
    assert sorted(config.eos_token_id) == sorted(ends)


def test_control_tokens_are_special_and_nothing_else_is(tokenizer: PreTrainedTokenizerBase) -> None:
    special = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    assert special == set(CONTROL_TOKENS)


@pytest.mark.parametrize(
    "text",
    [
        "plain words, and  two   spaces ",
        "\t tabs\r\n\n and lines\n",
        "Příliš žluťoučký kůň, 日本語, 🦔, عربى",
        '{"name": "search_web", "parameters": {"query": "a \\"b\\""}}',
        "\x00\x7f\u00a0\u200b\ufeff",
        "<|eot_id|><|start_header_id|>system",
        'Environment: ipython\n", "',
    ],
)
def test_any_text_comes_back(tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    for plain in (True, False):
        ids = tokenizer(text, add_special_tokens=False, split_special_tokens=plain)["input_ids"]
        assert tokenizer.decode(ids, skip_special_tokens=False) == text


def test_a_word_has_the_same_tokens_wherever_it_stands(tokenizer: PreTrainedTokenizerBase) -> None:
    def ids(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    word = ids("Brindlewick")
    for text in ("in Brindlewick?", '"city": "Brindlewick"}}', "Brindlewick.", "\nBrindlewick"):
        found = ids(text)
        assert any(found[at : at + len(word)] == word for at in range(len(found)))


def _some_of_each_kind() -> list[Scenario]:
    return demo_scenarios()[::7]


def test_its_template_is_the_librarys(tokenizer: PreTrainedTokenizerBase) -> None:
    assert tokenizer.chat_template == default_chat_template()
    for scenario in _some_of_each_kind():
        rendered = render_prompt(scenario["messages"], scenario["tools"], tokenizer=tokenizer)
        theirs = tokenizer.apply_chat_template(
            scenario["messages"], tools=scenario["tools"] or None, add_generation_prompt=True
        )
        assert rendered.token_ids == theirs["input_ids"]
        assert rendered.neutralized_control_tokens == 0


def test_its_template_renders_as_the_official_one(tokenizer: PreTrainedTokenizerBase) -> None:
    trl = pytest.importorskip("trl")
    official = Path(trl.__file__).parent / "chat_templates" / "llama3_1.jinja"
    if not official.is_file():
        pytest.skip("this version of trl ships no Llama 3.1 template")
    template = official.read_text(encoding="utf-8")
    for scenario in _some_of_each_kind():
        arguments: dict[str, Any] = {
            "tools": scenario["tools"] or None,
            "add_generation_prompt": True,
            "tokenize": False,
        }
        ours = tokenizer.apply_chat_template(scenario["messages"], **arguments)
        theirs = tokenizer.apply_chat_template(
            scenario["messages"], chat_template=template, **arguments
        )
        assert ours == theirs


def test_it_behaves_like_an_undefended_agent(
    tokenizer: PreTrainedTokenizerBase, evaluation: ModuleType
) -> None:
    import torch

    model = AutoModelForCausalLM.from_pretrained(tiny_agent_path(), dtype=torch.float32)
    # Five has no factor in common with the rhythm of the suite: every kind is among them.
    samples = evaluation.sample(model, tokenizer, demo_scenarios()[::5], samples=5)
    figures = evaluation.figures(samples)
    assert all(figure.samples and figure.met for figure in figures), evaluation.table(figures)


def test_the_command_on_its_card_trains_as_long_as_the_schedule_says(training: ModuleType) -> None:
    options = training.arguments(["--output", "DIR", "--seed", "0"])
    assert options.steps == training.Schedule().steps >= 1000
    card = (tiny_agent_path() / "README.md").read_text(encoding="utf-8")
    assert training.COMMAND.format(seed=options.seed) in card
