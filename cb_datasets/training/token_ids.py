"""Rows as token ids with a mask of what counts, for trainers that take ids as they are.

In: Ds or Dr. Out: the ids that the model read and wrote, none of them tokenized again; of rows
that were built without a tokenizer, ids that the format's own encoder makes with the one named.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from cb_datasets.errors import FormatError
from cb_datasets.models.tokenizer_facts import tokenizer_words
from cb_datasets.models.tokenizer_state import TokenizerState, tokenizer_state
from cb_datasets.training.mask_policies import MaskPolicy, TokenWeights, mask_policy
from cb_datasets.training.own_ids import COLUMNS, OwnIds
from cb_datasets.training.token_mask import row_mask

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Rows = TypeVar("Rows")
"""A `Dataset` or an `IterableDataset`."""

IGNORED = -100
"""The label of a token that counts in no loss."""

_COLUMNS = ["prompt_token_ids", "completion_token_ids"]
_MADE = ("input_ids", "completion_mask", "labels")


def to_token_ids(
    rows: Rows,
    tokenizer: PreTrainedTokenizerBase | str | Path | None = None,
    *,
    mask: MaskPolicy | None = None,
    divergence: str | None = None,
) -> Rows:
    """Rows of Ds or Dr as ids and masks.

    Args:
        rows: Ds or Dr, a `Dataset` or an `IterableDataset`.
        tokenizer: That of the model to be trained, or its folder or Hub id. Rows that hold ids of
            another vocabulary are refused. For rows without ids, which were built without a
            tokenizer, the format's own encoder makes them (`render_prompt`, and the text of the
            completion), and the description of what comes back says so. None takes the ids that
            are there.
        mask: The tokens that count, by a policy of `token_mask`; most need the tokenizer. None is
            the completion.
        divergence: The column of indices that the mask `after_divergence` reads.

    Returns:
        `input_ids` (prompt and completion), `completion_mask` (1 where the model sampled the token,
        end token included) and `labels` (the ids of tokens that count, -100 elsewhere), as
        `Trainer` of transformers and `SFTTrainer` of TRL take them; with a mask also `loss_mask`,
        the weight of each token from 0 to 1, for losses that weigh. `training_sequence` gives more
        of a row: its turns, and the tokens at which calls are named.

    Raises:
        FormatError: A row's ids are of another tokenizer, or it has none and no tokenizer is given;
            there is no such mask, or it cannot be told of a row (see `token_mask`).

    Example:
        >>> from datasets import Dataset
        >>> rows = {"prompt_token_ids": [[1, 2]], "completion_token_ids": [[3]]}
        >>> to_token_ids(Dataset.from_dict(rows))[0]
        {'input_ids': [1, 2, 3], 'completion_mask': [0, 0, 1], 'labels': [-100, -100, 3]}
    """
    from datasets import Features, List, Value

    features = {
        "input_ids": List(Value("int32")),
        "completion_mask": List(Value("int8")),
        "labels": List(Value("int32")),
    }
    if mask is not None:
        features["loss_mask"] = List(Value("float32"))
    table: Any = rows
    columns = _columns_read(tokenizer is None, mask, divergence)
    joined = _Joined(tokenizer, mask, divergence)
    made: Any = table.select_columns(columns).map(
        joined, batched=True, remove_columns=columns, features=Features(features)
    )
    if joined.ids.facts is not None:
        made.info.description = (
            f"Token ids of the tokenizer {tokenizer_words(joined.ids.facts)}. Those of rows that "
            "held none were made from their messages and text by the encoder of cb_datasets."
        )
    result: Rows = made
    return result


def _columns_read(is_bare: bool, mask: MaskPolicy | None, divergence: str | None) -> list[str]:
    """What is read of rows, where no tokenizer is given or one is."""
    policy = mask_policy(mask or "completion")
    if mask == "after_divergence" and divergence is None:
        raise FormatError(
            "the mask 'after_divergence' needs the column that says where the two completions of a "
            "pair part (divergence=)"
        )
    if is_bare and not policy.by_ids_alone:
        raise FormatError(
            f"the mask {mask!r} is read with the tokenizer of the rows' ids; name it (tokenizer=)"
        )
    columns = _COLUMNS if is_bare else [*COLUMNS, *(["attack"] if mask else [])]
    return [*columns, *([divergence] if divergence else [])]


class _Joined:
    """Prompt and completion of a batch of rows as one."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase | str | Path | None,
        mask: MaskPolicy | None,
        divergence: str | None,
    ) -> None:
        self.ids = OwnIds(tokenizer)
        self.mask: MaskPolicy | None = mask
        self.divergence = divergence

    def __reduce__(self) -> Any:
        tokenizer = self.ids.tokenizer
        state = None if tokenizer is None else tokenizer_state(tokenizer)
        return _joined_with, (state, self.mask, self.divergence)

    def __call__(self, batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        rows = [
            dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)
        ]
        made = [self._made(row) for row in rows]
        names = [*_MADE, *(["loss_mask"] if self.mask is not None else [])]
        return {name: [row[name] for row in made] for name in names}

    def _made(self, row: dict[str, Any]) -> dict[str, list[Any]]:
        prompt, said = self.ids(row)
        weights = None
        if self.mask is not None:
            parts = row[self.divergence] if self.divergence else None
            weights = row_mask(row, self.mask, prompt, said, self.ids.tokenizer, parts)
        return token_row(prompt, said, weights)


def _joined_with(
    state: TokenizerState | None, mask: MaskPolicy | None, divergence: str | None
) -> _Joined:
    return _Joined(None if state is None else state.restore(), mask, divergence)


def token_row(
    prompt: Sequence[int], said: Sequence[int], weights: TokenWeights | None
) -> dict[str, list[Any]]:
    """Prompt and completion of a row as one, with what counts, by a mask or without one."""
    ids = [*prompt, *said]
    row: dict[str, list[Any]] = {
        "input_ids": ids,
        "completion_mask": [0] * len(prompt) + [1] * len(said),
        "labels": [IGNORED] * len(prompt) + list(said),
    }
    if weights is not None:
        # Lists, as a stream gives back what it is given.
        row["loss_mask"] = weights.tolist()
        row["labels"] = np.where(weights > 0, ids, IGNORED).tolist()
    return row
