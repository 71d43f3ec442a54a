"""Retokenization drift: where text, tokenized, would not give the ids that a model read or wrote.

The same text can be cut into tokens in several ways, and a model that samples tokens need not take
the tokenizer's. Trained on re-tokenized text, other activations would be rerouted than those that
led to the call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cb_datasets.formats.encode import completion_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Drift:
    """Where two tokenizations of a text part.

    Attributes:
        position: The first token that differs.
        kept: The ids as they are, from there (16 at most).
        retokenized: The ids that the text would give, from there (16 at most).
        lengths: How many ids there are, and how many there would be.
    """

    position: int
    kept: tuple[int, ...]
    retokenized: tuple[int, ...]
    lengths: tuple[int, int]


_SHOWN = 16


def retokenization_drift(
    token_ids: Sequence[int], tokenizer: PreTrainedTokenizerBase
) -> Drift | None:
    """Where text → ids would differ from these ids; None where it would give the same.

    Args:
        token_ids: Ids of a prompt or completion.
        tokenizer: Their tokenizer.

    Returns:
        The first difference between the ids and what the tokenizer makes of their decoded text,
        its control tokens taken for control tokens. Forged ones in untrusted text differ so, too.

    Example:
        >>> from cb_datasets.models.tokenizer import load_tokenizer
        >>> tokenizer = load_tokenizer(None)
        >>> ids = tokenizer("search_web", add_special_tokens=False)["input_ids"]
        >>> retokenization_drift(ids, tokenizer) is None
        True
        >>> letters = [tokenizer(c, add_special_tokens=False)["input_ids"][0] for c in "search_web"]
        >>> retokenization_drift(letters, tokenizer).position
        0
    """
    kept = [int(token) for token in token_ids]
    text = completion_text(kept, tokenizer)
    again = tokenizer(text, add_special_tokens=False, split_special_tokens=False)["input_ids"]
    again = [int(token) for token in again]
    if kept == again:
        return None
    shortest = min(len(kept), len(again))
    at = next((n for n in range(shortest) if kept[n] != again[n]), shortest)
    return Drift(
        at,
        tuple(kept[at : at + _SHOWN]),
        tuple(again[at : at + _SHOWN]),
        (len(kept), len(again)),
    )
