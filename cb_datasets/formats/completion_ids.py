"""A recorded completion's text as token ids, by the format of the tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cb_datasets.formats.canary import format_of
from cb_datasets.formats.encode import encode_parts, special_tokens, there
from cb_datasets.formats.mask import Mask

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def completion_token_ids(text: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Token ids of a completion's text, its control tokens as control tokens.

    For recorded completions only: a generated one keeps the ids that the model emitted. Special
    tokens that no completion of the format holds (reserved ones) are plain text.

    Raises:
        FormatError: The tokenizer is of no known format.
    """
    known = format_of(tokenizer)
    # Not all that the tokenizer has: reserved tokens are none of the format.
    tokens = special_tokens(None, known.control_tokens, there(tokenizer, known.markup))
    return encode_parts(Mask(tokens, ()).split(text), tokenizer, tokens)
