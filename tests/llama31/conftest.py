"""The real Llama 3.1 tokenizer, from Meta's own package, and Meta's own format code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from cb_datasets.llama31 import default_chat_template


@pytest.fixture(scope="session")
def meta() -> Any:
    """Meta's `ChatFormat` with its tokenizer."""
    pytest.importorskip("llama_models", reason="llama-models (extra dev) has the reference code")
    from llama_models.llama3.chat_format import ChatFormat
    from llama_models.llama3.tokenizer import Tokenizer

    return ChatFormat(Tokenizer.get_instance())


@pytest.fixture(scope="session")
def real_tokenizer(meta: Any) -> PreTrainedTokenizerBase:
    """The tokenizer of Llama 3.1 with its 128,256 tokens, as transformers reads it."""
    import llama_models.llama3
    from transformers.convert_slow_tokenizer import TikTokenConverter

    special = meta.tokenizer.special_tokens
    backend = TikTokenConverter(
        vocab_file=str(Path(llama_models.llama3.__file__).parent / "tokenizer.model"),
        extra_special_tokens=sorted(special, key=special.get),
    ).converted()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<|begin_of_text|>",
        eos_token="<|eot_id|>",
        pad_token="<|finetune_right_pad_id|>",
    )
    tokenizer.chat_template = default_chat_template()
    assert len(tokenizer) == 128_256
    return tokenizer
