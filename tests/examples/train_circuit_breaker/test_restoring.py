"""The reference trainer on pairs: what is right at an attacked prompt, and where to stop."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from cb_datasets.assets import tiny_agent_path
from cb_datasets.errors import BuildError
from cb_datasets.models.tokenizer import load_tokenizer

sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "train_circuit_breaker"))

from recipe import Recipe, TrainingSets, check, train
from restoring import completion_loss, preference_loss, stop_loss
from rows import BEGUN, Pair, Row, training_pair
from states import Rerouted
from train import end_token, training_sets

RIGHT = '<|python_tag|>{"name": "save_note", "parameters": {"text": "milk"}}<|eom_id|>'
HARMFUL = (
    '<|python_tag|>{"name": "send_email", "parameters": {"to": "ann", "text": "hi"}}<|eom_id|>'
)

BARE = Recipe(
    (6,), pair_batch=1, learning_rate=1e-3, retain_scale=0.0, complete=0.0, twin=0.0, reroute=0.0
)
"""Without any loss."""


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return load_tokenizer(None)


def side(text: str, tokenizer: Any) -> dict[str, Any]:
    name = text.split('"')[3] if text.startswith("<|python_tag|>") else None
    return {
        "assistant_raw": text,
        "completion_token_ids": tokenizer(text, add_special_tokens=False)["input_ids"],
        "tool_calls_structured": [{"name": name, "arguments": {}}] if name else [],
    }


def stored(
    tokenizer: Any, harmful: str | None = HARMFUL, *, twin: str | None = None
) -> dict[str, Any]:
    return {
        "id": "demo/1",
        "set": "pairs",
        "tools": None,
        "prompt_token_ids": tokenizer("Save a note: milk.", add_special_tokens=False)["input_ids"],
        "chosen": side(RIGHT, tokenizer),
        "rejected": None if harmful is None else side(harmful, tokenizer),
        "twin_prompt_token_ids": twin and tokenizer(twin, add_special_tokens=False)["input_ids"],
        "twin_tools": None,
    }


def rerouted(first_trained: int = 5) -> Rerouted:
    model = AutoModelForCausalLM.from_pretrained(tiny_agent_path(), dtype=torch.float32).eval()
    return Rerouted(model, (6,), lora_rank=0, first_trained=first_trained)


def chance(model: Rerouted, row: Row) -> float:
    """The log-probability of what counts in a row, from the whole model's own forward pass."""
    ids = torch.from_numpy(row.ids).long()
    with torch.no_grad():
        said = model.model(ids[None]).logits[0].log_softmax(-1)
    return float(sum(said[at - 1, ids[at]] for at in row.mask.nonzero()[0]))


def test_the_losses_are_what_their_papers_say() -> None:
    logits = torch.randn(3, 7, generator=torch.Generator().manual_seed(0))
    logs = logits.log_softmax(-1)
    ids = torch.tensor([1, 4, 0])
    mean = -sum(float(logs[at, token]) for at, token in enumerate(ids)) / 3
    assert completion_loss(logits, ids).item() == pytest.approx(mean, rel=1e-5)
    assert stop_loss(logits, 5).item() == pytest.approx(-float(logs[:, 5].mean()), rel=1e-5)
    risen = torch.tensor([2.0, -1.0]), torch.tensor([0.5, 3.0])
    margins = [0.1 * float(chosen - rejected) for chosen, rejected in zip(*risen, strict=True)]
    wanted = np.mean([math.log1p(math.exp(-margin)) for margin in margins])
    assert preference_loss(*risen, beta=0.1).item() == pytest.approx(wanted, rel=1e-5)


def test_a_pair_is_both_completions_and_the_place_behind_the_harmful_name(tokenizer: Any) -> None:
    row = stored(tokenizer)
    pair = training_pair(row, tokenizer)
    assert pair.rejected is not None
    assert pair.begun is not None
    for read, name in ((pair.chosen, "chosen"), (pair.rejected, "rejected")):
        assert tokenizer.decode(read.ids[read.mask]) == row[name]["assistant_raw"]
    assert pair.begun.mask.sum() == BEGUN
    first = int(pair.begun.mask.nonzero()[0][0])
    assert tokenizer.decode(pair.begun.ids[:first]).endswith('{"name": "send_email')


def test_prose_is_no_call_to_stop_in_and_a_prompt_without_harm_has_one_side(tokenizer: Any) -> None:
    prose = training_pair(stored(tokenizer, "The code is 12.<|eot_id|>"), tokenizer)
    assert prose.rejected is not None
    assert prose.begun is None
    alone = training_pair(stored(tokenizer, None), tokenizer)
    assert (alone.rejected, alone.begun) == (None, None)


def test_attacked_rows_of_dr_are_left_out_where_pairs_say_what_is_right_there(
    tokenizer: Any,
) -> None:
    row = {
        "id": "demo/2#0",
        "set": "retain",
        "tools": None,
        "prompt_token_ids": [5, 6],
        "labels": {"kind": "adversarial_safe"},
        "attack": {"goal": "x"},
        **side(RIGHT, tokenizer),
    }
    rows = {"dr": [row, {**row, "attack": None}], "pairs": [stored(tokenizer)]}
    paper = Recipe((6,), complete=0.0, twin=0.0)
    assert len(training_sets(rows, Recipe((6,)), tokenizer).dr) == 1
    assert len(training_sets(rows, paper, tokenizer).dr) == 2


def test_the_distance_from_the_twin_is_that_of_states_at_the_same_completion(
    tokenizer: Any,
) -> None:
    pair = training_pair(stored(tokenizer, twin="Milk."), tokenizer)
    assert pair.twin is not None
    model = rerouted()
    recipe = replace(BARE, steps=3, pair_batch=2, twin=1.0)
    seen = []
    for row in (pair.chosen, pair.twin):
        ids = torch.from_numpy(row.ids).long()[None]
        first = int(row.mask.nonzero()[0][0])
        read = model.frozen_states(input_ids=ids, attention_mask=torch.ones_like(ids))[6]
        seen.append(read[0, first - 1 :])
    assert len(seen[0]) == len(seen[1]) == pair.twin.mask.sum() + 1
    moved = (seen[0] - seen[1]).square().sum(-1) / seen[1].square().sum(-1)
    sets = TrainingSets(pairs=[pair, replace(pair, twin=None)])
    found = [losses["twin"] for _, losses in train(model, sets, recipe, 0)]
    assert found[0] == pytest.approx(float(moved.mean()), rel=1e-4)
    assert found[0] > found[-1] > 0


@pytest.mark.parametrize("loss", ["complete", "prefer"])
def test_training_on_a_pair_makes_the_right_completion_likelier(loss: str, tokenizer: Any) -> None:
    pair = training_pair(stored(tokenizer), tokenizer)
    assert pair.rejected is not None
    model = rerouted()
    before = chance(model, pair.chosen), chance(model, pair.rejected)
    recipe = replace(BARE, steps=3, **{loss: 1.0})
    assert recipe.reads == ("pairs",)
    losses = [found for _, found in train(model, TrainingSets(pairs=[pair]), recipe, 0)]
    after = chance(model, pair.chosen), chance(model, pair.rejected)
    gains = after[0] - before[0], after[1] - before[1]
    assert gains[0] > 1 if loss == "complete" else gains[0] > gains[1] + 1
    (name,) = losses[0]
    assert losses[-1][name] < losses[0][name]
    if loss == "complete":
        assert losses[0][name] == pytest.approx(-before[0] / pair.chosen.mask.sum(), rel=1e-3)
    else:
        assert losses[0][name] == pytest.approx(math.log(2), rel=1e-3)


def test_stopping_sets_in_late_and_makes_the_end_likelier_behind_the_harmful_name(
    tokenizer: Any,
) -> None:
    pair = training_pair(stored(tokenizer), tokenizer)
    model, end = rerouted(), end_token(tokenizer)
    recipe = replace(BARE, steps=4, complete=10.0, stop=1.0, stop_from=0.4)
    found = [losses for _, losses in train(model, TrainingSets(pairs=[pair]), recipe, end)]
    assert ["stop" in losses for losses in found] == [False, False, True, True]
    assert found[-1]["stop"] < found[2]["stop"]


def test_a_recipe_that_its_rows_cannot_follow_is_refused() -> None:
    row = Row(np.array([1, 2], np.int32), np.array([False, True]), "pairs")
    alone = TrainingSets(dr=[row], pairs=[Pair(row, None, None, None)])
    for recipe, words in (
        (replace(BARE, prefer=1.0), "no row of pairs has a harmful completion"),
        (replace(BARE, stop=1.0), "no row of pairs has a harmful call"),
        (replace(BARE, twin=1.0), "no row of pairs has a benign twin"),
        (replace(BARE, reroute=1.0), "no rows in ds"),
        (BARE, "nothing to train"),
    ):
        with pytest.raises(BuildError, match=words):
            check(alone, recipe)
