"""One prefill for all samples of a prompt.

In: a batch of padded prompts, many of them the same. Out: the cache of keys and values as if each
had been read by itself, from one reading of each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def shared_prefill(model: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor) -> Any:
    """The cache of all tokens but the last of each row; rows that are the same are read once.

    Args:
        model: A causal language model.
        ids: Left-padded token ids of shape (rows, tokens).
        mask: 1 where `ids` holds a token, 0 where it is padding.

    Returns:
        A cache for `model.generate`, one row a row of `ids`; None where no two rows are the same,
        or where the model keeps more than keys and values of all tokens: `generate` then reads
        each row itself.
    """
    from transformers import DynamicCache

    kinds = getattr(model.config.get_text_config(), "layer_types", None) or ()
    if getattr(model, "_is_stateful", False) or set(kinds) - {"full_attention"}:
        return None
    distinct, place = torch.unique(torch.cat([ids, mask], dim=1), dim=0, return_inverse=True)
    if len(distinct) == len(ids) or ids.shape[1] < 2:
        return None
    ids, mask = distinct.chunk(2, dim=1)
    read = mask[:, :-1]
    cache = DynamicCache(config=model.config)
    model(
        input_ids=ids[:, :-1],
        past_key_values=cache,
        attention_mask=read,
        # As `generate` counts them: padding does not.
        position_ids=(read.cumsum(dim=1) - 1).clamp(min=0),
        use_cache=True,
        logits_to_keep=1,
    )
    cache.batch_select_indices(place)
    return cache
