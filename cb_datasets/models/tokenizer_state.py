"""A tokenizer as plain strings: what a transform keeps of it, so that it pickles the same always.

A fast tokenizer's own pickle holds the truncation and padding of its last call, and so changes
with use.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cb_datasets.errors import FormatError
from cb_datasets.models.tokenizer_facts import tokenizer_name

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_NAMES = ("bos_token", "eos_token", "pad_token", "unk_token")


@dataclass(frozen=True, slots=True)
class TokenizerState:
    """The backend as JSON, the chat template, the named tokens, what records call it, and the
    response template as JSON, of a tokenizer that brings one.
    """

    backend: str
    chat_template: str | None
    named_tokens: tuple[tuple[str, str], ...]
    name: str | None = None
    response_template: str | None = None

    def restore(self) -> PreTrainedTokenizerBase:
        """The tokenizer that this is the state of."""
        from tokenizers import Tokenizer
        from transformers import PreTrainedTokenizerFast

        tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
            tokenizer_object=Tokenizer.from_str(self.backend), **dict(self.named_tokens)
        )
        tokenizer.chat_template = self.chat_template
        tokenizer.name_or_path = self.name or ""
        if self.response_template is not None:
            tokenizer.response_template = json.loads(self.response_template)
        return tokenizer


def tokenizer_state(tokenizer: PreTrainedTokenizerBase) -> TokenizerState:
    """The state of a fast tokenizer.

    Raises:
        FormatError: It is no fast tokenizer.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise FormatError(f"{type(tokenizer).__name__} is no fast tokenizer (tokenizer.json)")
    state = json.loads(backend.to_str())
    state["truncation"] = state["padding"] = None
    template = tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("tool_use") or template.get("default")
    brought = getattr(tokenizer, "response_template", None)
    named = [(name, getattr(tokenizer, name)) for name in _NAMES]
    return TokenizerState(
        json.dumps(state, ensure_ascii=False),
        template,
        tuple((name, str(token)) for name, token in named if token is not None),
        tokenizer_name(tokenizer),
        None if brought is None else json.dumps(brought),
    )
