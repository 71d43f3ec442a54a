"""Rows of Ds and Dr as a trainer wants them: token ids as stored, and which tokens count.

In: a dataset folder as `load_dataset` reads it. Out: rows of ids and masks, drawn into batches.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import load_dataset

from cb_datasets.errors import BuildError
from cb_datasets.llama31 import training_sequence

FROM = ("completion", "call")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `ids`, int32, and `mask`, bool, the tokens of the completion that count."""

    ids: np.ndarray
    mask: np.ndarray
    kind: str


def read_rows(folder: Path, config: str, tokenizer: Any, *, since: str = "completion") -> list[Row]:
    rows = load_dataset(str(folder), config, split="train")
    return [training_row(row, tokenizer, since=since) for row in rows]


def training_row(row: Mapping[str, Any], tokenizer: Any, *, since: str = "completion") -> Row:
    prompt, completion = row["prompt_token_ids"], row["completion_token_ids"]
    if not prompt or not completion:
        raise BuildError(f"row {row['id']} has no token ids")
    sequence = training_sequence(prompt, completion, tokenizer)
    mask = sequence.assistant_mask.copy()
    if since == "call" and sequence.tool_name_span:
        mask[: sequence.tool_name_span[0]] = False
    return Row(sequence.token_ids, mask, row["labels"].get("kind") or "ds")


def batches(
    rows: Sequence[Row], size: int, seed: int, weights: Mapping[str, float] | None = None
) -> Iterator[list[Row]]:
    rng = random.Random(seed)
    if weights is None:
        pool: list[Row] = []
        while True:
            while len(pool) < size:
                fresh = list(rows)
                rng.shuffle(fresh)
                pool = fresh + pool
            yield [pool.pop() for _ in range(size)]
    by_kind: dict[str, list[Row]] = {}
    for row in rows:
        by_kind.setdefault(row.kind, []).append(row)
    kinds = [kind for kind in by_kind if weights.get(kind)]
    while True:
        drawn = rng.choices(kinds, [weights[kind] for kind in kinds], k=size)
        yield [rng.choice(by_kind[kind]) for kind in drawn]


def tensors(batch: Sequence[Row], pad: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """ids and attention mask, right-padded; and the mask of tokens that count."""
    longest = -(-max(len(row.ids) for row in batch) // 16) * 16
    ids = torch.full((len(batch), longest), pad)
    seen = torch.zeros_like(ids)
    counted = torch.zeros(len(batch), longest, dtype=torch.bool)
    for number, row in enumerate(batch):
        ids[number, : len(row.ids)] = torch.from_numpy(row.ids)
        seen[number, : len(row.ids)] = 1
        counted[number, : len(row.ids)] = torch.from_numpy(row.mask)
    return {"input_ids": ids, "attention_mask": seen}, counted
