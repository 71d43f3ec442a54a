"""Rows as token ids with the mask of what the model said, for trainers that take ids as they are.

In: Ds or Dr. Out: the ids that the model read and wrote, none of them tokenized again; of rows
that were built without a tokenizer, ids that the format's own encoder makes with the one named.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cb_datasets.models.tokenizer_facts import tokenizer_words
from cb_datasets.models.tokenizer_state import TokenizerState, tokenizer_state
from cb_datasets.training.own_ids import COLUMNS, OwnIds

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Rows = TypeVar("Rows")
"""A `Dataset` or an `IterableDataset`."""

IGNORED = -100
"""The label of a token that counts in no loss."""

_COLUMNS = ["prompt_token_ids", "completion_token_ids"]


def to_token_ids(rows: Rows, tokenizer: PreTrainedTokenizerBase | str | Path | None = None) -> Rows:
    """Rows of Ds or Dr as ids and masks.

    Args:
        rows: Ds or Dr, a `Dataset` or an `IterableDataset`.
        tokenizer: That of the model to be trained, or its folder or Hub id. Rows that hold ids of
            another vocabulary are refused. For rows without ids, which were built without a
            tokenizer, the format's own encoder makes them (`render_prompt`, and the text of the
            completion), and the description of what comes back says so. None takes the ids that
            are there.

    Returns:
        `input_ids` (prompt and completion), `completion_mask` (1 where the model sampled the token,
        end token included) and `labels` (the ids there, -100 elsewhere), as `Trainer` of
        transformers and `SFTTrainer` of TRL take them. `training_sequence` gives more of a row:
        its turns, and the tokens at which calls are named.

    Raises:
        FormatError: A row's ids are of another tokenizer, or it has none and no tokenizer is given.

    Example:
        >>> from datasets import Dataset
        >>> rows = {"prompt_token_ids": [[1, 2]], "completion_token_ids": [[3]]}
        >>> to_token_ids(Dataset.from_dict(rows))[0]
        {'input_ids': [1, 2, 3], 'completion_mask': [0, 0, 1], 'labels': [-100, -100, 3]}
    """
    from datasets import Features, List, Value

    features = Features(
        {
            "input_ids": List(Value("int32")),
            "completion_mask": List(Value("int8")),
            "labels": List(Value("int32")),
        }
    )
    table: Any = rows
    columns = _COLUMNS if tokenizer is None else list(COLUMNS)
    joined = _Joined(tokenizer)
    made: Any = table.select_columns(columns).map(
        joined, batched=True, remove_columns=columns, features=features
    )
    if joined.ids.facts is not None:
        made.info.description = (
            f"Token ids of the tokenizer {tokenizer_words(joined.ids.facts)}. Those of rows that "
            "held none were made from their messages and text by the encoder of cb_datasets."
        )
    result: Rows = made
    return result


class _Joined:
    """Prompt and completion of a batch of rows as one."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase | str | Path | None) -> None:
        self.ids = OwnIds(tokenizer)

    def __reduce__(self) -> Any:
        tokenizer = self.ids.tokenizer
        return _joined_with, (None if tokenizer is None else tokenizer_state(tokenizer),)

    def __call__(self, batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        rows = (
            dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)
        )
        return _columns(list(map(self.ids, rows)))


def _joined_with(state: TokenizerState | None) -> _Joined:
    return _Joined(None if state is None else state.restore())


def _columns(pairs: list[tuple[list[int], list[int]]]) -> dict[str, list[Any]]:
    return {
        "input_ids": [[*prompt, *said] for prompt, said in pairs],
        "completion_mask": [[0] * len(prompt) + [1] * len(said) for prompt, said in pairs],
        "labels": [[IGNORED] * len(prompt) + list(said) for prompt, said in pairs],
    }
