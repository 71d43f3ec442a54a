"""TRL's preference trainers with the tiny agent: one step, on the very tokens of the rows."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset

import cb_datasets as cb
from cb_datasets.errors import FormatError
from cb_datasets.sets import Sets
from cb_datasets.training import trainer_by_ids

OPTIONS = {
    "max_steps": 1,
    "per_device_train_batch_size": 4,
    "learning_rate": 1e-3,
    "report_to": [],
    "save_strategy": "no",
    "use_cpu": True,
    "bf16": False,
    "max_length": None,
}


Make = Callable[..., Any]


@pytest.fixture
def make(model: Any, tmp_path: Path) -> Make:
    def trainer(kind: Any, config: Any, rows: Dataset, **options: Any) -> Any:
        return kind(
            copy.deepcopy(model),
            args=config(output_dir=str(tmp_path), **(OPTIONS | options)),
            train_dataset=rows,
            processing_class=cb.load_engine().tokenizer,
        )

    return trainer


def takes_a_step(trainer: Any) -> None:
    before = copy.deepcopy(trainer.model.state_dict())
    assert torch.isfinite(torch.tensor(trainer.train().training_loss))
    after = trainer.model.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)


def tokens(batch: dict[str, torch.Tensor], prefix: str = "") -> list[tuple[list[int], list[int]]]:
    """Prompt and completion of each sequence of a batch, without padding."""
    found = []
    for ids, held, said in zip(
        *(batch[prefix + name] for name in ("input_ids", "attention_mask", "completion_mask")),
        strict=True,
    ):
        found.append((ids[(held == 1) & (said == 0)].tolist(), ids[said == 1].tolist()))
    return found


def four(sets: Sets) -> Dataset:
    """Two wanted completions and two that are not."""
    rows = cb.trainer_rows(sets, "trl_kto").tables["train"]
    return rows.select([0, 1, len(rows) - 2, len(rows) - 1])


def test_kto_by_ids_learns_from_the_tokens_of_the_rows(sets: Sets, make: Make) -> None:
    from trl import KTOConfig, KTOTrainer

    rows = four(sets)
    assert rows["label"] == [True, True, False, False]
    trainer = make(trainer_by_ids(KTOTrainer), KTOConfig, rows)
    (batch,) = trainer.get_train_dataloader()
    wanted = list(zip(rows["prompt_ids"], rows["completion_ids"], rows["label"], strict=True))
    taken = [(*pair, label) for pair, label in zip(tokens(batch), batch["label"], strict=True)]
    assert sorted(taken) == sorted(wanted)
    # The reference point is estimated on completions of other prompts.
    for (prompt, said), (same, other) in zip(tokens(batch), tokens(batch, "KL_"), strict=True):
        assert (prompt, said != other) == (same, True)
    takes_a_step(trainer)


def test_kto_opens_the_conversations_without_a_subclass(sets: Sets, make: Make) -> None:
    from trl import KTOConfig, KTOTrainer

    trainer = make(KTOTrainer, KTOConfig, four(sets))
    (batch,) = trainer.get_train_dataloader()
    prompts = sorted(prompt for prompt, _ in tokens(batch))
    assert prompts == sorted(four(sets)["prompt_ids"])
    takes_a_step(trainer)


def preferences(sets: Sets) -> Dataset:
    return cb.trainer_rows(sets, "trl_dpo").tables["train"].select(range(3))


def test_dpo_by_ids_prefers_the_tokens_of_the_pairs(sets: Sets, make: Make) -> None:
    from trl import DPOConfig, DPOTrainer

    rows = preferences(sets)
    trainer = make(trainer_by_ids(DPOTrainer), DPOConfig, rows)
    (batch,) = trainer.get_train_dataloader()
    taken = tokens(batch)
    for side, half in (("chosen", taken[:3]), ("rejected", taken[3:])):
        assert sorted(half) == sorted(zip(rows["prompt_ids"], rows[f"{side}_ids"], strict=True))
    takes_a_step(trainer)


def test_dpo_opens_the_conversations_without_a_subclass(sets: Sets, make: Make) -> None:
    from trl import DPOConfig, DPOTrainer

    trainer = make(DPOTrainer, DPOConfig, preferences(sets))
    (batch,) = trainer.get_train_dataloader()
    names = [
        [call.name for call in cb.parse_completion(trainer.processing_class.decode(said)).calls]
        for _, said in tokens(batch)
    ]
    wanted = [
        [call["function"]["name"] for call in row[side][0].get("tool_calls") or []]
        for side in ("chosen", "rejected")
        for row in preferences(sets)
    ]
    assert sorted(names[:3]) == sorted(wanted[:3])
    assert sorted(names[3:]) == sorted(wanted[3:])
    takes_a_step(trainer)


def test_completions_are_not_cut_off_in_silence(sets: Sets, make: Make) -> None:
    from trl import KTOConfig, KTOTrainer

    by_ids = trainer_by_ids(KTOTrainer)
    with pytest.raises(FormatError, match=r"row 0 has \d+ tokens, and max_length is 20"):
        make(by_ids, KTOConfig, four(sets), max_length=20)
    bare = four(sets).map(lambda row: row | {"completion_ids": None})
    with pytest.raises(FormatError, match="row 0 has no token ids"):
        make(by_ids, KTOConfig, bare)
