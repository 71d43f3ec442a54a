"""TRL's trainer with the tiny agent: the loss covers what the model said, or what a mask says."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset

import cb_datasets as cb
from cb_datasets.sets import Sets
from cb_datasets.training import MaskPolicy


@pytest.fixture
def trainer(model: Any, tmp_path: Path) -> Any:
    from trl import SFTConfig, SFTTrainer

    def make(rows: Dataset) -> Any:
        options = SFTConfig(
            output_dir=str(tmp_path),
            max_steps=1,
            per_device_train_batch_size=4,
            learning_rate=1e-3,
            report_to=[],
            save_strategy="no",
            use_cpu=True,
            bf16=False,
            max_length=None,
            loss_type="nll",
        )
        return SFTTrainer(
            copy.deepcopy(model),
            args=options,
            train_dataset=rows,
            processing_class=cb.load_engine().tokenizer,
        )

    return make


def batches(trainer: Any) -> Iterator[dict[str, torch.Tensor]]:
    yield from trainer.get_train_dataloader()


def test_one_step_on_ids_in_which_exactly_the_completion_counts(sets: Sets, trainer: Any) -> None:
    rows = sets.dr.select(range(4))
    taught = trainer(cb.to_token_ids(rows))
    (batch,) = batches(taught)
    taken = sorted(
        (ids[labels != -100].tolist(), ids[labels == -100].tolist())
        for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True)
    )
    pad = taught.processing_class.pad_token_id
    for _, rest in taken:
        while rest and rest[-1] == pad:
            rest.pop()
    assert taken == sorted(zip(rows["completion_token_ids"], rows["prompt_token_ids"], strict=True))
    takes_a_step_on_the_labels(taught, batch)


@pytest.mark.parametrize("mask", ["action_prefix", "non_system"])
def test_one_step_on_the_tokens_of_a_mask_and_no_others(
    mask: MaskPolicy, sets: Sets, trainer: Any
) -> None:
    tokenizer = cb.load_engine().tokenizer
    rows = cb.to_token_ids(sets.ds.select(range(4)), tokenizer, mask=mask)
    taught = trainer(rows)
    (batch,) = batches(taught)
    taken = sorted(labels[labels != -100].tolist() for labels in batch["labels"])
    wanted = (zip(row["input_ids"], row["loss_mask"], strict=True) for row in rows)
    assert taken == sorted([token for token, weight in row if weight] for row in wanted)
    takes_a_step_on_the_labels(taught, batch)


def takes_a_step_on_the_labels(taught: Any, batch: dict[str, torch.Tensor]) -> None:
    before = copy.deepcopy(taught.model.state_dict())
    with torch.no_grad():
        logits = taught.model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    counted = batch["labels"][:, 1:] != -100
    by_hand = torch.nn.functional.cross_entropy(
        logits[:, :-1][counted], batch["labels"][:, 1:][counted]
    )
    done = taught.train()
    assert done.training_loss == pytest.approx(by_hand.item(), rel=1e-4)
    after = taught.model.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_one_step_on_conversations(sets: Sets, trainer: Any) -> None:
    rows = sets.dr.select(range(4))
    made = cb.to_conversations(rows)
    assert made.column_names == ["prompt", "completion", "tools"]
    taught = trainer(made)
    (batch,) = batches(taught)
    tokenizer = taught.processing_class
    taken = []
    for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True):
        said = cb.parse_completion(tokenizer.decode(ids[labels != -100]))
        assert said.end == "eot_id"
        prompt = tokenizer.decode(ids[labels == -100]).replace(tokenizer.pad_token, "")
        taken.append((prompt, said.content, [call.name for call in said.calls]))
    # A template is another hand than the model's: the same said, in other tokens.
    wanted = [
        (
            tokenizer.decode(row["prompt_token_ids"]),
            cb.parse_completion(row["assistant_raw"]).content,
            [call["name"] for call in row["tool_calls_structured"]],
        )
        for row in rows
    ]
    assert sorted(taken) == sorted(wanted)
    assert taught.train().training_loss > 0


def test_conversations_as_one_list_of_messages(sets: Sets) -> None:
    rows = cb.to_conversations(sets.ds, as_messages=True)
    assert rows.column_names == ["messages", "tools"]
    for made, row in zip(rows, sets.ds, strict=True):
        assert made["messages"][:-1] == row["messages"]
        calls = [call["function"] for call in made["messages"][-1]["tool_calls"]]
        assert calls == row["tool_calls_structured"]


def test_ids_of_a_stream(sets: Sets) -> None:
    streamed = cb.to_token_ids(sets.dr.to_iterable_dataset())
    assert list(streamed) == list(cb.to_token_ids(sets.dr))
