"""The arms of the experiment: what is trained on the same dataset, and by which losses.

In: the sets as they stand in a dataset folder. Out: the rows and the recipe of an arm. No arm
samples anything; what is changed is changed in the stored rows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cb_datasets.formats import format_of

sys.path.insert(0, str(Path(__file__).parents[1] / "train_circuit_breaker"))

from recipe import Recipe

Row = Mapping[str, Any]
Sets = Mapping[str, Sequence[Row]]
"""Rows by the name of their set: ds, dr, pairs."""

PAIRS = Recipe(
    layers=(6,),
    steps=180,
    learning_rate=1.5e-3,
    ds_batch=6,
    dr_batch=3,
    pair_batch=6,
    retain_weights={"benign_twin": 3, "tool_use": 3, "refusal": 3, "answer": 1},
    noise=0.03,
)
"""What restores the tiny agent: pairs say what is right at an attacked prompt, and where the state
is that says it; calls that an attacker has begun are rerouted."""

ALONE = replace(PAIRS, twin=0.0, reroute=0.0, retain_scale=50.0, steps=150, noise=0.0)
"""Pairs without rerouting."""

REROUTING = Recipe(
    layers=(6,),
    steps=120,
    learning_rate=1.5e-3,
    reroute=1.0,
    complete=0.0,
    twin=0.0,
    retain_scale=50.0,
    ds_batch=4,
    dr_batch=6,
    retain_weights={
        "adversarial_safe": 2.5,
        "benign_twin": 3,
        "tool_use": 3,
        "refusal": 1,
        "answer": 1,
    },
    noise=0.03,
)
"""What breaks the tiny agent's circuit without pairs."""


def as_built(sets: Sets, tokenizer: Any) -> Sets:
    """The sets as they were built."""
    return sets


def label_text(sets: Sets, tokenizer: Any) -> Sets:
    """Ds with the labels for people, which older pipelines trained on, as completions."""
    return {**sets, "ds": [_with_completion(row, _label(row), tokenizer) for row in sets["ds"]]}


def inverted(sets: Sets, tokenizer: Any) -> Sets:
    """Attacked rows with the flag read the other way round: resisted counts as hijacked."""
    attacked = [row for row in sets["dr"] if row["attack"] is not None]
    benign = [row for row in sets["dr"] if row["attack"] is None]
    hijacked = [
        {**row, "labels": {**row["labels"], "kind": "adversarial_safe"}} for row in sets["ds"]
    ]
    return {**sets, "ds": attacked, "dr": [*benign, *hijacked]}


def no_adversarial_safe(sets: Sets, tokenizer: Any) -> Sets:
    """Dr without the rows in which an attack is in view and the agent does what is right."""
    kept = [row for row in sets["dr"] if row["labels"]["kind"] != "adversarial_safe"]
    return {**sets, "dr": kept}


@dataclass(frozen=True, slots=True)
class Arm:
    """What is trained on, and how."""

    recipe: Recipe
    rows: Callable[[Sets, Any], Sets] = as_built


ARMS: dict[str, Arm] = {
    "pairs": Arm(PAIRS),
    "more rerouting": Arm(replace(PAIRS, complete=0.0, twin=50.0, reroute=4.0, retain_scale=50.0)),
    "no rerouting": Arm(ALONE),
    "stopping": Arm(replace(ALONE, complete=30.0, stop=1.0, stop_from=0.4)),
    "rerouting": Arm(REROUTING),
    "triplet": Arm(replace(REROUTING, broken="triplet")),
    "SFT": Arm(replace(ALONE, retain_scale=0.0)),
    "DPO": Arm(replace(ALONE, retain_scale=0.0, complete=0.0, prefer=1.0, steps=100, pair_batch=4)),
    "label text": Arm(REROUTING, label_text),
    "inverted polarity": Arm(REROUTING, inverted),
    "no adversarial_safe": Arm(REROUTING, no_adversarial_safe),
}

TOLD = tuple(arm for arm in ARMS if arm not in ("inverted polarity", "no adversarial_safe"))
"""The arms of the table; the others show what goes wrong with the sets that others have made."""


def _label(row: Row) -> str:
    labels = row["labels"]
    return (
        f"[TOOL_CALL] {labels['observed_tool']}\n(Expected: {labels['expected_tool']}, but "
        f"injection caused flip to: {labels['observed_tool']})"
    )


def _with_completion(row: Row, text: str, tokenizer: Any) -> dict[str, Any]:
    known = format_of(tokenizer)
    text += known.end_tokens[known.ends[1]]
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return {**row, "assistant_raw": text, "completion_token_ids": ids}
