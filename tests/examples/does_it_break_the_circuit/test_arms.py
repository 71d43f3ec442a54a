"""What the arms of `examples/does_it_break_the_circuit` make of the stored rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import cb_datasets as cb
from cb_datasets.debug_labels import find_marker
from cb_datasets.formats import ToolCall
from cb_datasets.models.tokenizer import load_tokenizer
from cb_datasets.schema import exact_rows

sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "does_it_break_the_circuit"))

from arms import ARMS

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def built() -> tuple[Rows, Rows]:
    scenarios = cb.load_source("demo").select(range(16))
    engine = cb.load_engine("transformers", dtype="float32")
    sets = cb.build_sets(scenarios, engine, num_samples=3, eval_fraction=0.0)
    ds, dr = (list(exact_rows(rows)) for rows in (sets.ds, sets.dr))
    assert ds
    assert {"adversarial_safe", "benign_twin"} <= {row["labels"]["kind"] for row in dr}
    return ds, dr


def made(arm: str, built: tuple[Rows, Rows]) -> tuple[Rows, Rows]:
    ds, dr = ARMS[arm](*built, load_tokenizer(None))
    return list(ds), list(dr)


def test_the_label_arm_trains_on_what_no_model_said_at_the_same_prompts(
    built: tuple[Rows, Rows],
) -> None:
    tokenizer = load_tokenizer(None)
    ds, dr = made("label text", built)
    assert dr == built[1]
    for row, real in zip(ds, built[0], strict=True):
        assert row["prompt_token_ids"] == real["prompt_token_ids"]
        assert find_marker(row["assistant_raw"])
        assert row["labels"]["observed_tool"] in row["assistant_raw"]
        assert tokenizer.decode(row["completion_token_ids"]) == row["assistant_raw"]


def test_inverted_polarity_breaks_what_resisted_and_keeps_what_gave_in(
    built: tuple[Rows, Rows],
) -> None:
    ds, dr = made("inverted polarity", built)
    assert {row["labels"]["kind"] for row in ds} == {"adversarial_safe"}
    given_in = {row["id"] for row in built[0]}
    assert {row["id"] for row in dr if row["attack"]} == given_in
    assert {row["id"] for row in [*ds, *dr]} == {row["id"] for row in [*built[0], *built[1]]}


def test_without_adversarial_safe_no_attack_is_in_view_in_what_is_kept(
    built: tuple[Rows, Rows],
) -> None:
    ds, dr = made("no adversarial_safe", built)
    assert ds == built[0]
    assert [row for row in built[1] if row["attack"] is None] == dr


def test_our_arm_is_the_sets_as_built(built: tuple[Rows, Rows]) -> None:
    ds, dr = made("ours", built)
    assert (ds, dr) == built
    assert all(ToolCall(**call).name for row in ds for call in row["tool_calls_structured"])


def test_mixes_have_the_shares_that_their_names_say() -> None:
    from loop import RECIPE
    from mixes import mixes

    for name, changes in mixes().items():
        weights = changes.get("retain_weights", RECIPE.retain_weights)
        if weights is None:
            continue
        assert isinstance(weights, dict)
        share = weights["adversarial_safe"] / sum(weights.values())
        if "%" in name:
            assert f"{share:.0%} adversarial_safe" in name
        assert (weights["benign_twin"] == 0) == (name == "no benign twins")
