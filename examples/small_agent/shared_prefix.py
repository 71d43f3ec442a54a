"""Cross-entropy of completions whose prompts begin alike: what they share is run once.

Two thirds of a prompt are the schemas of the tools. Keys and values of the shared beginning are
handed to all conversations, with their gradient, so that loss and gradient are those of whole
sequences, at a third of the tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers import DynamicCache

_PADDED = 16
"""Few different shapes: preparing a matrix product for a new one takes its time."""


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids of a conversation.

    Attributes:
        ids: Prompt and completion.
        start: Where the completion begins.
        kind: What kind of conversation it is.
    """

    ids: list[int]
    start: int
    kind: str


@dataclass(frozen=True, slots=True)
class Loss:
    """What a model makes of some conversations.

    Attributes:
        total: Sum of the cross-entropy over the tokens of the completions.
        tokens: How many those are.
        exact: By conversation its kind, and whether each token of its completion was the one
            expected most.
    """

    total: torch.Tensor
    tokens: int
    exact: list[tuple[str, bool]]


def completion_losses(model: Any, examples: Sequence[Example], size: int = 8) -> Iterator[Loss]:
    """The losses of conversations, those of about one length together.

    The graphs of a group hang together by its prefix: sum them up before going back.

    Args:
        model: A causal language model of transformers.
        examples: Conversations; those that begin alike are best.
        size: So many at a time behind their shared beginning.
    """
    shared = _shared([e.ids[: e.start - 1] for e in examples])
    cache = DynamicCache(config=model.config)
    if shared:
        prefix = torch.tensor([examples[0].ids[:shared]])
        model.get_decoder()(input_ids=prefix, past_key_values=cache, use_cache=True)
    by_length = sorted(examples, key=lambda example: len(example.ids))
    for at in range(0, len(by_length), size):
        some = by_length[at : at + size]
        yield _loss(model, some, shared, _for_each(cache, len(some), model))


def _shared(prompts: list[list[int]]) -> int:
    """How many ids all of them begin with: those that the first and the last in order share."""
    first, last = min(prompts), max(prompts)
    pairs = enumerate(zip(first, last, strict=False))
    return next((at for at, (one, other) in pairs if one != other), len(first))


def _for_each(cache: DynamicCache, rows: int, model: Any) -> DynamicCache:
    copied = DynamicCache(config=model.config)
    for number, layer in enumerate(cache.layers):
        if layer.is_initialized:
            keys, values = (t.expand(rows, -1, -1, -1) for t in (layer.keys, layer.values))
            copied.update(keys, values, number)
    return copied


def _loss(model: Any, examples: Sequence[Example], shared: int, cache: DynamicCache) -> Loss:
    longest = -(-(max(len(e.ids) for e in examples) - shared) // _PADDED) * _PADDED
    ids = torch.zeros(len(examples), longest, dtype=torch.long)
    said = torch.zeros(len(examples), longest, dtype=torch.bool)
    for row, example in enumerate(examples):
        own = example.ids[shared:]
        ids[row, : len(own)] = torch.tensor(own)
        said[row, example.start - shared : len(own)] = True
    # Padding stands on the right, where causal attention never sees it.
    hidden = model.get_decoder()(input_ids=ids, past_key_values=cache, use_cache=True)
    before = torch.cat([said[:, 1:], torch.zeros_like(said[:, :1])], dim=1)
    logits = model.get_output_embeddings()(hidden.last_hidden_state[before])
    wanted = ids[said]
    right = torch.zeros_like(said)
    right[said] = logits.detach().argmax(-1) == wanted
    exact = (right | ~said).all(1).tolist()
    return Loss(
        cross_entropy(logits.float(), wanted, reduction="sum"),
        len(wanted),
        [(example.kind, hit) for example, hit in zip(examples, exact, strict=True)],
    )
