"""Nothing of eval is in training: counted over the whole material, with no code of the planner.

Every pair of a prompt on one side and a prompt on the other is counted, none is sampled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, concatenate_datasets
from transformers import PreTrainedTokenizerBase

import cb_datasets as cb
from cb_datasets.schema import exact_rows
from cb_datasets.sets.plan import plan_scenarios
from tests.plain_similarity import alike, shown

pytestmark = pytest.mark.long

Row = Mapping[str, Any]
MATERIAL = ["demo", "agentdojo", "tau2", "demo+agentdojo+tau2"]
TELLING = 20
"""A request shorter than this ("Hi, I need help") begins many a task and tells none."""


@cache
def read(name: str, folder: Path) -> Dataset:
    return cb.load_source(name, None if name == "demo" else str(folder / name))


def read_together(names: str, folder: Path) -> Dataset:
    return concatenate_datasets([read(name, folder) for name in names.split("+")])


@pytest.fixture(params=MATERIAL)
def material(request: pytest.FixtureRequest, upstream: Path) -> Dataset:
    return read_together(request.param, upstream)


def benign_query(row: Row) -> str:
    """The first user message without the injection."""
    text = next((m["content"] for m in row["messages"] if m["role"] == "user"), "")
    attack = row["attack"]
    if attack and attack["location"] == "user":
        clean = attack["clean_content"]
        text = text.replace(attack["injection"], "") if clean is None else clean
    return " ".join(text.casefold().split())


def assert_nothing_crosses(train: list[Row], held: list[Row], twins: Iterable[Row]) -> None:
    groups = [{row["group"] for row in side} for side in (train, held)]
    assert not groups[0] & groups[1]

    side_of = {row["id"]: side for side, rows in enumerate((train, held)) for row in rows}
    for row in twins:
        if row["twin_id"] in side_of and row["id"] in side_of:
            assert side_of[row["id"]] == side_of[row["twin_id"]], row["id"]

    queries = [{benign_query(row) for row in side} for side in (train, held)]
    assert not [query for query in queries[0] & queries[1] if len(query) >= TELLING]

    prompts = [{shown(row["messages"]) for row in side} for side in (train, held)]
    assert not list(alike(*prompts, 0.8))


@pytest.mark.parametrize("fraction", [0.2, 0.5])
def test_no_group_twin_query_or_near_copy_is_on_both_sides(
    material: Dataset, fraction: float
) -> None:
    plan = plan_scenarios(material, eval_fraction=fraction)
    sides: tuple[list[Row], list[Row]] = ([], [])
    for number, row in enumerate(exact_rows(material)):
        if row["set_aside"] is None and number not in plan.kept and number not in plan.left_out:
            sides[row["group"] in plan.held_out].append(row)
    assert all(sides)
    assert_nothing_crosses(*sides, [*sides[0], *sides[1]])
    share = len({row["group"] for row in sides[1]}) / len({r["group"] for s in sides for r in s})
    assert abs(share - fraction) <= 0.1


def test_what_is_left_out_as_a_duplicate_would_not_have_crossed_either(material: Dataset) -> None:
    plan = plan_scenarios(material, eval_fraction=0.5)
    groups = material["group"][:]
    for number, kept in plan.kept.items():
        assert (groups[number] in plan.held_out) == (groups[kept] in plan.held_out)


def test_finished_sets_of_recorded_traces_share_nothing_with_eval(
    upstream: Path, llama_tokenizer: PreTrainedTokenizerBase
) -> None:
    traces = read_together("agentdojo+tau2", upstream)
    sets = cb.build_sets(traces, None, tokenizer=llama_tokenizer, eval_fraction=0.3)
    train = [
        {**row, "id": row["provenance"]["scenario_id"]}
        for table in (sets.ds, sets.dr)
        for row in exact_rows(table)
    ]
    held = [{**row, "id": row["scenario_id"]} for row in exact_rows(sets.eval)]
    assert sets.ds
    assert {row["provenance"]["source"] for row in train} == {"agentdojo", "tau2"}
    assert {row["source"] for row in held} == {"agentdojo", "tau2"}
    assert_nothing_crosses(train, held, [*train, *held])
