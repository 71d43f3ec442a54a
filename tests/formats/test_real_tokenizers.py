"""Formats on the vocabularies that their models have, from the packages that ship them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

import cb_datasets as cb
from cb_datasets.formats import ToolCall, format_of, training_sequence
from cb_datasets.formats.completion_ids import completion_token_ids
from tests.formats.speakers import speaker
from tests.formats.test_every_format import TOOLS, dialog


def llama4() -> PreTrainedTokenizerBase:
    """The tokenizer of Llama 4 with its 202,048 tokens."""
    pytest.importorskip("llama_models", reason="llama-models (extra dev) has the vocabulary")
    import llama_models.llama4
    from llama_models.llama4.tokenizer import Tokenizer
    from transformers.convert_slow_tokenizer import TikTokenConverter

    special: dict[str, int] = Tokenizer.get_instance().special_tokens
    backend = TikTokenConverter(
        vocab_file=str(Path(llama_models.llama4.__file__).parent / "tokenizer.model"),
        pattern=Tokenizer.O200K_PATTERN,
        extra_special_tokens=sorted(special, key=special.__getitem__),
    ).converted()
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<|begin_of_text|>")


def test_llama4_on_its_own_vocabulary() -> None:
    tokenizer, known, rng = llama4(), speaker("llama4"), random.Random(0)
    assert len(tokenizer) == 202_048
    for template, text in known.templates.items():
        tokenizer.chat_template = text
        assert format_of(tokenizer).name == "llama4"
        for _ in range(30):
            messages: list[dict[str, Any]] = dialog(rng, mute=template in known.mute)
            ours = cb.render_prompt(messages, TOOLS, tokenizer=tokenizer)
            theirs = tokenizer.apply_chat_template(
                messages, tools=TOOLS, tokenize=False, add_generation_prompt=True
            )
            assert ours.token_ids == tokenizer(theirs, add_special_tokens=False)["input_ids"]
    said = cb.render_completion("", [ToolCall("search_web", {"n": 1})], format="llama4")
    ids = completion_token_ids(said, tokenizer)
    sequence = training_sequence(ours.token_ids, ids, tokenizer)
    start, end = sequence.tool_name_spans[0]
    assert "search_web" in tokenizer.decode(sequence.token_ids[start:end])
