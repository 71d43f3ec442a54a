"""TRL's preference trainers with the tiny agent: one step, on the very tokens of the rows."""

from __future__ import annotations

import copy
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


@pytest.fixture
def kto(model: Any, tmp_path: Path) -> Any:
    from trl import KTOConfig, KTOTrainer

    def make(rows: Dataset, kind: Any = KTOTrainer, **options: Any) -> Any:
        return kind(
            copy.deepcopy(model),
            args=KTOConfig(output_dir=str(tmp_path), **(OPTIONS | options)),
            train_dataset=rows,
            processing_class=cb.load_engine().tokenizer,
        )

    return make


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


def test_kto_by_ids_learns_from_the_tokens_of_the_rows(sets: Sets, kto: Any) -> None:
    from trl import KTOTrainer

    rows = four(sets)
    assert rows["label"] == [True, True, False, False]
    trainer = kto(rows, trainer_by_ids(KTOTrainer))
    (batch,) = trainer.get_train_dataloader()
    wanted = list(zip(rows["prompt_ids"], rows["completion_ids"], rows["label"], strict=True))
    taken = [(*pair, label) for pair, label in zip(tokens(batch), batch["label"], strict=True)]
    assert sorted(taken) == sorted(wanted)
    # The reference point is estimated on completions of other prompts.
    for (prompt, said), (same, other) in zip(tokens(batch), tokens(batch, "KL_"), strict=True):
        assert (prompt, said != other) == (same, True)
    takes_a_step(trainer)


def test_kto_opens_the_conversations_without_a_subclass(sets: Sets, kto: Any) -> None:
    trainer = kto(four(sets).remove_columns(["prompt_ids", "completion_ids"]))
    (batch,) = trainer.get_train_dataloader()
    prompts = sorted(prompt for prompt, _ in tokens(batch))
    assert prompts == sorted(four(sets)["prompt_ids"])
    takes_a_step(trainer)


def test_completions_are_not_cut_off_in_silence(sets: Sets, kto: Any) -> None:
    from trl import KTOTrainer

    by_ids = trainer_by_ids(KTOTrainer)
    with pytest.raises(FormatError, match=r"row 0 has \d+ tokens, and max_length is 20"):
        kto(four(sets), by_ids, max_length=20)
    bare = four(sets).map(lambda row: row | {"completion_ids": None})
    with pytest.raises(FormatError, match="row 0 has no token ids"):
        kto(bare, by_ids)
