"""Rows as token ids with the mask of what the model said, for trainers that take ids as they are.

In: Ds or Dr. Out: the ids that the model read and wrote, none of them tokenized again.
"""

from __future__ import annotations

from typing import Any, TypeVar

Rows = TypeVar("Rows")
"""A `Dataset` or an `IterableDataset`."""

IGNORED = -100
"""The label of a token that counts in no loss."""

_COLUMNS = ["prompt_token_ids", "completion_token_ids"]


def to_token_ids(rows: Rows) -> Rows:
    """Rows of Ds or Dr as ids and masks.

    Args:
        rows: Ds or Dr, a `Dataset` or an `IterableDataset`.

    Returns:
        `input_ids` (prompt and completion), `completion_mask` (1 where the model sampled the token,
        end token included) and `labels` (the ids there, -100 elsewhere), as `Trainer` of
        transformers and `SFTTrainer` of TRL take them. `training_sequence` gives more of a row:
        its turns, and the tokens at which calls are named.

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
    made: Rows = table.select_columns(_COLUMNS).map(
        _joined, batched=True, remove_columns=_COLUMNS, features=features
    )
    return made


def _joined(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
    pairs = list(zip(batch["prompt_token_ids"], batch["completion_token_ids"], strict=True))
    return {
        "input_ids": [[*prompt, *said] for prompt, said in pairs],
        "completion_mask": [[0] * len(prompt) + [1] * len(said) for prompt, said in pairs],
        "labels": [[IGNORED] * len(prompt) + list(said) for prompt, said in pairs],
    }
