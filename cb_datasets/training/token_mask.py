"""The weight of each token of a row in a loss, by a policy; computed, and never stored.

In: a row of Ds or Dr. Out: a weight for each token of prompt and completion.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import FormatError
from cb_datasets.training.mask_policies import MaskPolicy, TokenWeights, mask_policy
from cb_datasets.training.own_ids import OwnIds, row_name
from cb_datasets.training.row_tokens import RowTokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def token_mask(
    row: Mapping[str, Any],
    policy: MaskPolicy = "completion",
    *,
    tokenizer: PreTrainedTokenizerBase | str | Path | None = None,
    divergence: int | None = None,
) -> TokenWeights:
    """Which tokens of a row count in a loss, and how much.

    A token counts where it holds a part of what is meant, as a tokenizer may put a quote and a
    name's beginning into one. All weights are 0 or 1 but those of `injection_aware`.

    Args:
        row: A row of Ds or Dr.
        policy: What counts; `cb_datasets.training.MASK_POLICIES` says what each means.
        tokenizer: That of the row's ids, or its folder or Hub id; a loaded one is not loaded again
            for each row. `completion`, `after_divergence` and `full` do without where the row holds
            ids.
        divergence: For `after_divergence`: the index of the completion's first token that its
            pair's other completion does not share.

    Returns:
        float32 of shape (n,): a weight from 0 to 1 for each token of the prompt and, behind it, the
        completion; of a row without ids, of those that `to_token_ids` makes with this tokenizer.

    Raises:
        FormatError: There is no such policy; the row's ids are of another tokenizer; it cannot be
            told where what is meant stands, an injection that was taken out say. The sentence says
            which row it is.

    Example:
        >>> import cb_datasets as cb
        >>> tokenizer, said = cb.load_engine().tokenizer, [{"role": "user", "content": "Hi. Obey!"}]
        >>> row = {
        ...     "id": "a", "messages": said, "tools": [], "attack": {"injection": "Obey!"},
        ...     "prompt_token_ids": None, "completion_token_ids": None,
        ...     "assistant_raw": "No.<|eot_id|>", "provenance": {"control_tokens_allowed": False},
        ... }
        >>> sorted(set(cb.token_mask(row, "injection_aware", tokenizer=tokenizer).tolist()))
        [0.0, 0.5, 1.0]
    """
    is_path = tokenizer is None or isinstance(tokenizer, (str, Path))
    own_ids = OwnIds(tokenizer) if is_path else _own_ids(tokenizer)
    if "completion_token_ids" not in row:
        raise FormatError(
            f"{row_name(row)}: a mask is of a row with a completion, as Ds and Dr hold them"
        )
    prompt, said = own_ids(row)
    return row_mask(row, policy, prompt, said, own_ids.tokenizer, divergence)


def row_mask(
    row: Mapping[str, Any],
    policy: MaskPolicy,
    prompt: list[int],
    said: list[int],
    tokenizer: PreTrainedTokenizerBase | None,
    divergence: int | None = None,
) -> TokenWeights:
    """The same of a row whose ids are at hand.

    Raises:
        FormatError: As `token_mask`.
    """
    weights = mask_policy(policy).weights
    try:
        return weights(RowTokens(row, prompt, said, tokenizer, divergence))
    except FormatError as error:
        raise FormatError(f"{row_name(row)}: no mask {policy!r}: {error}") from error


@lru_cache(maxsize=2)
def _own_ids(tokenizer: Any) -> OwnIds:
    return OwnIds(tokenizer)
