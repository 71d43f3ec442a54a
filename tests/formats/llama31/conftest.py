"""The real Llama 3.1 tokenizer, from Meta's own package, and Meta's own format code."""

from __future__ import annotations

from typing import Any

import pytest
from transformers import PreTrainedTokenizerBase

from tests.formats.llama31.real_tokenizer import load_real_tokenizer


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
    tokenizer = load_real_tokenizer()
    assert len(tokenizer) == 128_256
    return tokenizer
