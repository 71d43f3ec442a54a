"""Rows of Ds, Dr and pairs as a trainer wants them: ids as stored, and which tokens count.

In: a dataset folder, or a repository on the Hub, as `load_dataset` reads it. Out: rows of ids and
masks, drawn into batches.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from datasets import load_dataset

from cb_datasets.errors import BuildError
from cb_datasets.formats import training_sequence
from cb_datasets.formats.encode import completion_text
from cb_datasets.quoting import reason_of

SINCE = ("completion", "call", "arguments")
"""From where on a completion counts: its first token, the first of its call's name, or the first
behind the name."""

BEGUN = 4
"""So many tokens behind the name of a harmful call are where the turn is to end."""

Drawn = TypeVar("Drawn")
"""What batches are drawn from: rows, or pairs."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One row.

    Attributes:
        ids: int32 of shape (tokens,): prompt and completion.
        mask: bool of the same shape: what the model sampled, or its part from `since` on.
        kind: The kind of a row of Dr; of another, its set.
    """

    ids: Any
    mask: Any
    kind: str


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """An attacked prompt with what is right to say, and what the model said when it gave in.

    Attributes:
        chosen: Prompt and right completion.
        twin: The benign twin's prompt and the same completion; None without a twin.
        rejected: Prompt and harmful completion; None where none was sampled.
        begun: The same; what counts are the `BEGUN` tokens behind the name of its call. None
            without a call.
    """

    chosen: Row
    twin: Row | None
    rejected: Row | None
    begun: Row | None


def read_set(folder: str, config: str) -> Any:
    """A config of a dataset as it is stored.

    Raises:
        BuildError: There is no such config.
    """
    try:
        return load_dataset(folder, config, split="train")
    except (FileNotFoundError, ValueError, ConnectionError) as error:
        raise BuildError(f"{folder}: {config} cannot be read ({reason_of(error)})") from error


def training_pair(row: Mapping[str, Any], tokenizer: Any) -> Pair:
    """A stored row of pairs as ids and masks.

    Raises:
        BuildError: The row has no token ids, or those of another tokenizer.
    """
    right = _with_side(row, "chosen")
    chosen, twin = training_row(right, tokenizer), None
    if ids := row["twin_prompt_token_ids"]:
        benign = {**right, "prompt_token_ids": ids, "tools": row["twin_tools"]}
        twin = training_row(benign, tokenizer)
    if row["rejected"] is None:
        return Pair(chosen, twin, None, None)
    harmful = _with_side(row, "rejected")
    rejected = training_row(harmful, tokenizer)
    if not row["rejected"]["tool_calls_structured"]:
        return Pair(chosen, twin, rejected, None)
    begun = training_row(harmful, tokenizer, "arguments")
    begun.mask[begun.mask.nonzero()[0][BEGUN:]] = False
    return Pair(chosen, twin, rejected, begun)


def training_row(row: Mapping[str, Any], tokenizer: Any, since: str = "completion") -> Row:
    """A stored row as ids and mask; nothing is tokenized again.

    Args:
        row: A row of Ds or Dr.
        tokenizer: The model's.
        since: One of `SINCE`. Up to the name of its call a hijacked completion is, token for
            token, the right one: whoever reroutes those tokens jams the right call, too. A
            completion without a call counts as a whole.

    Raises:
        BuildError: The row has no token ids, or those of another tokenizer.
    """
    prompt, completion = row.get("prompt_token_ids"), row.get("completion_token_ids")
    if not prompt or not completion:
        raise BuildError(f"row {row.get('id')} has no token ids; a built dataset was expected")
    if max(*prompt, *completion) >= len(tokenizer) or (
        completion_text(completion, tokenizer) != row["assistant_raw"]
    ):
        raise BuildError(f"row {row['id']} holds the ids of another tokenizer than the model's")
    sequence = training_sequence(prompt, completion, tokenizer, tools=row.get("tools"))
    mask = sequence.assistant_mask.copy()
    if since != "completion" and sequence.tool_name_span is not None:
        mask[: sequence.tool_name_span[since == "arguments"]] = False
    return Row(sequence.token_ids, mask, (row.get("labels") or {}).get("kind") or row["set"])


def _with_side(row: Mapping[str, Any], side: str) -> dict[str, Any]:
    said = row[side]
    return {**row, **{name: said[name] for name in ("assistant_raw", "completion_token_ids")}}


def shuffled(rows: Sequence[Drawn], size: int, seed: int) -> Iterator[list[Drawn]]:
    """Batches without end; all rows are drawn once before any is drawn again."""
    rng = random.Random(seed)
    waiting: list[Drawn] = []
    while True:
        while len(waiting) < size:
            waiting += rng.sample(rows, len(rows))
        yield waiting[:size]
        del waiting[:size]


def batches(
    rows: Sequence[Row], size: int, seed: int, weights: Mapping[str, float] | None = None
) -> Iterator[list[Row]]:
    """Batches without end.

    Args:
        rows: The rows.
        size: Rows a batch.
        seed: Another seed draws others.
        weights: How often each kind is drawn, relative to the others; None draws all rows alike,
            as `shuffled`.
    """
    if weights is None:
        yield from shuffled(rows, size, seed)
    assert weights is not None
    rng = random.Random(seed)
    of_kind: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        of_kind[row.kind].append(row)
    kinds = [kind for kind in of_kind if weights.get(kind)]
    while True:
        drawn = rng.choices(kinds, [weights[kind] for kind in kinds], k=size)
        yield [rng.choice(of_kind[kind]) for kind in drawn]


def tensors(
    batch: Sequence[Row], device: torch.device | str = "cpu"
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Ids and attention mask, padded behind the rows, and the mask of the tokens that count."""
    # Few different shapes: preparing a matrix product for a new one takes its time.
    longest = -(-max(len(row.ids) for row in batch) // 16) * 16
    ids = torch.zeros(len(batch), longest, dtype=torch.long)
    seen = torch.zeros_like(ids)
    counted = torch.zeros(len(batch), longest, dtype=torch.bool)
    for number, row in enumerate(batch):
        ids[number, : len(row.ids)] = torch.from_numpy(row.ids)
        seen[number, : len(row.ids)] = 1
        counted[number, : len(row.mask)] = torch.from_numpy(row.mask)
    return {"input_ids": ids.to(device), "attention_mask": seen.to(device)}, counted.to(device)
