"""Pairs: whose completions they take, what they say of them, and what has none."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, load_dataset

import cb_datasets as cb
from cb_datasets.dataset import read_folder
from cb_datasets.dataset.accounting import account
from cb_datasets.dataset.manifest import read_manifest, write_manifest
from cb_datasets.engines import Engine
from cb_datasets.gates import run_gates
from cb_datasets.records import Scenario
from cb_datasets.schema import exact_rows
from cb_datasets.sets import Sets
from tests.sets.conftest import INJECTION

DOCS = {"name": "get_docs", "arguments": {"id": 1}}
OTHER_DOCS = {"name": "get_docs", "arguments": {"id": 2}}
WEB = {"name": "search_web", "arguments": {"query": "x"}}
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("get_docs", "search_web")]
Make = Callable[..., Scenario]


def two(scenario: Make, attacked: Any, benign: Any, **changes: Any) -> list[Scenario]:
    """An attacked scenario and its benign twin, with what was said to each."""
    shared: dict[str, Any] = {"tools": TOOLS, "group": "g"}
    one = scenario("a", attacked, attacked=True, **shared, twin_id="b")
    other = scenario(
        "b", benign, **{**shared, "messages": [{"role": "user", "content": "Find a."}]}
    )
    return [one, {**other, **changes}]


def of(sets: Sets) -> list[dict[str, Any]]:
    return list(exact_rows(sets.pairs))


def test_the_right_completion_is_the_models_own_where_there_is_one(
    scenario: Make, build: Callable[..., Sets]
) -> None:
    sets = build(*two(scenario, [DOCS], [OTHER_DOCS]))
    (row,) = of(sets)
    assert (row["id"], row["chosen_origin"], row["rejected"]) == ("a", "own", None)
    assert row["chosen"]["tool_calls_structured"] == [DOCS]
    assert (row["chosen"]["set"], row["chosen"]["row_id"]) == ("dr", "a#sample0")
    assert row["counts"] == {"sampled": 1, "harmful": 0, "right": 1}
    assert row["diverges_at"] is None
    by_id = {kept["id"]: kept for kept in sets.dr}
    assert row["prompt_token_ids"] == by_id["a#sample0"]["prompt_token_ids"]
    assert row["twin_prompt_token_ids"] == by_id["b#sample0"]["prompt_token_ids"]


def test_else_it_is_the_twins_and_the_harmful_one_is_always_the_models_own(
    scenario: Make, build: Callable[..., Sets]
) -> None:
    sets = build(*two(scenario, [WEB], [DOCS]))
    (row,) = of(sets)
    assert row["chosen_origin"] == "twin"
    assert (row["chosen"]["set"], row["chosen"]["row_id"]) == ("dr", "b#sample0")
    assert (row["rejected"]["set"], row["rejected"]["row_id"]) == ("ds", "a#sample0")
    assert row["counts"] == {"sampled": 1, "harmful": 1, "right": 0}
    right, harmful = (row[side]["completion_token_ids"] for side in ("chosen", "rejected"))
    place = row["diverges_at"]
    assert right[:place] == harmful[:place]
    assert right[place] != harmful[place]
    assert row["twin_id"] == "b"
    assert INJECTION in row["messages"][0]["content"]
    assert row["twin_messages"] == [{"role": "user", "content": "Find a."}]


ELSEWHERE = [
    {"role": "user", "content": "Find a."},
    {"role": "assistant", "content": "Which?"},
    {"role": "user", "content": "The first."},
]


@pytest.mark.parametrize(
    ("benign", "changes", "reason"),
    [
        ([WEB], {}, "twin_not_right"),
        ([DOCS], {"messages": ELSEWHERE}, "other_conversation"),
        ([DOCS], {"id": "c"}, "no_twin"),
        ([DOCS], {"set_aside": "broken: It is."}, "no_twin"),
    ],
)
def test_what_has_no_right_completion_is_counted_with_the_reason(
    benign: Any,
    changes: dict[str, Any],
    reason: str,
    scenario: Make,
    build: Callable[..., Sets],
) -> None:
    sets = build(*two(scenario, [WEB], benign, **changes))
    assert of(sets) == []
    (own,) = account(sets).values()
    assert (own.attacked, own.pairs, own.unpaired) == (1, 0, {reason: 1})
    report = run_gates(ds=sets.ds, dr=sets.dr, pairs=sets.pairs)
    assert report.skipped["pairs"] == "there are no pairs"


def test_another_models_completion_is_no_right_one(
    scenario: Make, build: Callable[..., Sets]
) -> None:
    attacked, benign = two(scenario, [WEB], [DOCS])
    recorded = benign["recorded"]
    assert recorded is not None
    sets = build(attacked, {**benign, "recorded": {**recorded, "model": "b-model"}})
    assert sets.stats()["pairs"]["unpaired"] == {"other_model": 1}


def test_what_is_right_for_the_twin_may_not_be_right_here(
    scenario: Make, build: Callable[..., Sets]
) -> None:
    attacked, benign = two(scenario, [WEB], [DOCS])
    here = {"name": "get_docs", "arguments": {"id": {"equals": 7}}}
    sets = build({**attacked, "expected": {"behavior": "call", "calls": [here]}}, benign)
    assert sets.stats()["pairs"]["unpaired"] == {"not_right_here": 1}


def test_a_twins_prompt_is_made_where_the_source_has_no_twin(
    scenario: Make, build: Callable[..., Sets]
) -> None:
    (row,) = of(build(scenario("a", [DOCS], attacked=True)))
    assert row["twin_id"] is None
    assert row["twin_messages"] == [{"role": "user", "content": "Find a."}]
    assert row["twin_prompt_token_ids"]


def test_a_row_of_dr_that_is_over_a_quota_is_not_named(
    scenario: Make, build: Callable[..., Sets]
) -> None:
    sets = build(*two(scenario, [WEB], [DOCS]), retain_quotas={"benign_twin": 0})
    (row,) = of(sets)
    assert (row["chosen"]["set"], row["chosen"]["row_id"]) == (None, None)
    assert row["chosen"]["tool_calls_structured"] == [DOCS]


def test_without_a_tokenizer_there_are_no_ids_and_no_place_where_they_part(
    scenario: Make, build: Callable[..., Sets]
) -> None:
    sets = build(*two(scenario, [WEB], [DOCS]), tokenizer=None)
    (row,) = of(sets)
    assert row["rejected"] is not None
    ids = [row[name] for name in ("prompt_token_ids", "twin_prompt_token_ids", "diverges_at")]
    assert ids == [None, None, None]
    report = run_gates(ds=sets.ds, dr=sets.dr, pairs=sets.pairs)
    assert report.results["pairs"].passed, report.results["pairs"]


def test_an_improper_request_is_refused_and_a_twin_is_not_made_of_it(
    scenario: Make, build: Callable[..., Sets]
) -> None:
    said = "I'm sorry, but I can't help with that."
    (row,) = of(build(scenario("a", said, attacked=True, behavior="refusal")))
    assert (row["chosen_origin"], row["twin_messages"]) == ("own", [])


@pytest.fixture(scope="module")
def some(demo: Dataset) -> Dataset:
    """A few groups of the demo suite, whole."""
    groups = set(sorted(set(demo["group"]))[::12])
    return demo.select([n for n, group in enumerate(demo["group"]) if group in groups])


def test_a_demo_build_has_pairs_of_both_origins_that_a_folder_keeps(
    some: Dataset, agent: Engine, demo_samples: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"num_samples": 1, "journal": demo_samples, "eval_fraction": 0.0}
    sets = cb.build_sets(some, agent, **options)
    rows = of(sets)
    found = sets.stats()["pairs"]
    assert {row["chosen_origin"] for row in rows} == {"own", "twin"}
    assert 0 < found["with_rejected"] == sum(found["by_parting"].values()) < found["rows"]
    said = {row["id"]: row for table in (sets.ds, sets.dr) for row in exact_rows(table)}
    for row in rows:
        for side in filter(None, (row["chosen"], row["rejected"])):
            stands = said[side["row_id"]]
            assert side["completion_token_ids"] == stands["completion_token_ids"]
            assert side["assistant_raw"] == stands["assistant_raw"]
    report = run_gates(ds=sets.ds, dr=sets.dr, pairs=sets.pairs, eval=None)
    assert report.results["pairs"].passed, report.results["pairs"]
    assert report.results["pairs"].details["ids_checked_with_tokenizer"] == len(rows)
    sets.save(tmp_path / "out")
    assert list(exact_rows(read_folder(tmp_path / "out")["pairs"])) == rows
    assert list(exact_rows(cb.load_sets(tmp_path / "out", configs=["pairs"]).pairs)) == rows
    loaded = load_dataset(str(tmp_path / "out"), "pairs", cache_dir=str(tmp_path / "cache"))
    assert loaded["train"]["id"] == sets.pairs["id"]
    assert loaded["train"].features == sets.pairs.features
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    own, twin = (found["by_origin"][name] for name in ("own", "twin"))
    assert f"In {own} rows the right one is the model's own; in {twin} it is what" in card


def test_a_folder_from_before_there_were_pairs_loads_without_any(
    scenario: Make, build: Callable[..., Sets], tmp_path: Path
) -> None:
    # Of a source that the card can name.
    both: list[Scenario] = [{**one, "source": "demo"} for one in two(scenario, [WEB], [DOCS])]
    build(*both).save(tmp_path / "out")
    manifest = read_manifest(tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "pairs")
    del manifest["rows"]["pairs"]
    del manifest["files"]["pairs/train-00000-of-00001.parquet"]
    write_manifest(tmp_path / "out", manifest)
    assert len(read_folder(tmp_path / "out")["pairs"]) == 0
    sets = cb.load_sets(tmp_path / "out")
    assert (len(sets.pairs), len(sets.ds)) == (0, 1)


def test_an_order_of_scenarios_in_which_twins_come_last_gives_the_same_pairs(
    some: Dataset, agent: Engine, demo_samples: Path
) -> None:
    options: dict[str, Any] = {"num_samples": 1, "journal": demo_samples, "eval_fraction": 0.0}
    pairs = of(cb.build_sets(some, agent, **options))
    turned = cb.build_sets(some.select(range(len(some))[::-1]), agent, **options)
    assert sorted(of(turned), key=lambda row: row["id"]) == sorted(pairs, key=lambda row: row["id"])
