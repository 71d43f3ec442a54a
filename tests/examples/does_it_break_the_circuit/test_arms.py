"""What the arms of `examples/does_it_break_the_circuit` make of the stored rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import cb_datasets as cb
from cb_datasets.debug_labels import find_marker
from cb_datasets.models.tokenizer import load_tokenizer
from cb_datasets.schema import exact_rows

sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "does_it_break_the_circuit"))

from arms import ARMS

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def built() -> dict[str, Rows]:
    scenarios = cb.load_source("demo").select(range(16))
    engine = cb.load_engine("transformers", dtype="float32")
    sets = cb.build_sets(scenarios, engine, num_samples=3, eval_fraction=0.0)
    rows = {name: list(exact_rows(getattr(sets, name))) for name in ("ds", "dr", "pairs")}
    assert rows["ds"]
    assert rows["pairs"]
    assert {"adversarial_safe", "benign_twin"} <= {row["labels"]["kind"] for row in rows["dr"]}
    return rows


def made(arm: str, built: dict[str, Rows]) -> tuple[Rows, Rows]:
    sets = ARMS[arm].rows(built, load_tokenizer(None))
    assert sets["pairs"] == built["pairs"]
    return list(sets["ds"]), list(sets["dr"])


def test_the_label_arm_trains_on_what_no_model_said_at_the_same_prompts(
    built: dict[str, Rows],
) -> None:
    tokenizer = load_tokenizer(None)
    ds, dr = made("label text", built)
    assert dr == built["dr"]
    for row, real in zip(ds, built["ds"], strict=True):
        assert row["prompt_token_ids"] == real["prompt_token_ids"]
        assert find_marker(row["assistant_raw"])
        assert row["labels"]["observed_tool"] in row["assistant_raw"]
        assert tokenizer.decode(row["completion_token_ids"]) == row["assistant_raw"]


def test_inverted_polarity_breaks_what_resisted_and_keeps_what_gave_in(
    built: dict[str, Rows],
) -> None:
    ds, dr = made("inverted polarity", built)
    assert {row["labels"]["kind"] for row in ds} == {"adversarial_safe"}
    given_in = {row["id"] for row in built["ds"]}
    assert {row["id"] for row in dr if row["attack"]} == given_in
    assert {row["id"] for row in [*ds, *dr]} == {row["id"] for row in [*built["ds"], *built["dr"]]}


def test_without_adversarial_safe_no_attack_is_in_view_in_what_is_kept(
    built: dict[str, Rows],
) -> None:
    ds, dr = made("no adversarial_safe", built)
    assert ds == built["ds"]
    assert [row for row in built["dr"] if row["attack"] is None] == dr


def test_other_arms_are_the_sets_as_built_and_differ_in_the_recipe(built: dict[str, Rows]) -> None:
    as_built = [arm for arm in ARMS if made(arm, built) == (built["ds"], built["dr"])]
    assert {"pairs", "rerouting", "SFT", "DPO"} <= set(as_built)
    recipes = [ARMS[arm].recipe for arm in as_built]
    assert all(recipe not in recipes[:at] for at, recipe in enumerate(recipes))


def test_arms_read_the_sets_that_their_names_say() -> None:
    read = {arm: ARMS[arm].recipe.reads for arm in ARMS}
    assert read["pairs"] == read["more rerouting"] == ("ds", "dr", "pairs")
    assert read["no rerouting"] == read["stopping"] == ("dr", "pairs")
    assert read["SFT"] == read["DPO"] == ("pairs",)
    assert read["rerouting"] == read["triplet"] == read["label text"] == ("ds", "dr")


def test_a_check_takes_fewer_steps_under_the_seed_that_is_asked_for() -> None:
    from loop import SHORT, UNDEFENDED, recipe_of

    whole, short = recipe_of("pairs", 3), recipe_of("pairs", 3, SHORT)
    assert whole.seed == short.seed == recipe_of(UNDEFENDED, 3).seed == 3
    assert short.steps == round(SHORT * whole.steps)


def test_mixes_have_the_shares_that_their_names_say() -> None:
    from arms import REROUTING
    from mixes import mixes

    for name, changes in mixes().items():
        weights = changes.get("retain_weights", REROUTING.retain_weights)
        if weights is None:
            continue
        assert isinstance(weights, dict)
        share = weights["adversarial_safe"] / sum(weights.values())
        if "%" in name:
            assert f"{share:.0%} adversarial_safe" in name
        assert (weights["benign_twin"] == 0) == (name == "no benign twins")
