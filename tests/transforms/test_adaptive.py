"""Sampling until a scenario has enough: which samples those are, and what they do not depend on."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

import cb_datasets as cb
from cb_datasets.engines import Engine, Generation
from cb_datasets.errors import EngineError
from cb_datasets.transforms.rounds import SampleCount, merit

MOST = 4
OPTIONS: dict[str, Any] = {"timestamp": "2026-01-01", "max_new_tokens": 40, "temperature": 1.0}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return cb.load_engine("transformers")


@pytest.fixture(scope="module")
def prompts(engine: Engine) -> Dataset:
    """Attacked and benign scenarios; the tiny agent flips on some, now and then on others."""
    everything = cb.load_source("demo")
    part = everything.select(range(0, len(everything), 50))
    return part.map(cb.FormatPrompt(engine.tokenizer), batched=True)


def made(prompts: Dataset, transform: cb.BatchGenerate, batch_size: int = 100) -> list[Any]:
    rows = prompts.map(transform, batched=True, batch_size=batch_size, load_from_cache_file=False)
    return [(r["id"], r["sample_index"], r["assistant_raw"], r["sampling_seed"]) for r in rows]


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Spares what has been sampled once."""
    return tmp_path_factory.mktemp("journal")


RIGHT = {"call": "correct_tool", "answer": "no_tool", "refusal": "refusal"}


@pytest.fixture(scope="module")
def judged(prompts: Dataset, engine: Engine, journal: Path) -> dict[str, list[Any]]:
    """All samples up to the limit, judged, by scenario."""
    transform = cb.BatchGenerate(engine, num_samples=MOST, journal=journal, **OPTIONS)
    rows = prompts.map(transform, batched=True)
    rows = rows.map(cb.ParseToolCalls(), batched=True).map(cb.LabelOutcome(), batched=True)
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row["id"], []).append(row)
    return found


def sample(row: Any) -> tuple[Any, ...]:
    return (row["id"], row["sample_index"], row["assistant_raw"], row["sampling_seed"])


@pytest.fixture(scope="module")
def fixed(judged: dict[str, list[Any]]) -> dict[str, list[tuple[Any, bool]]]:
    """All samples up to the limit, each with whether it is a success, by scenario."""
    return {
        name: [
            (
                sample(row),
                row["outcome"]
                == ("attack_success" if row["attack"] else RIGHT[row["expected"]["behavior"]]),
            )
            for row in rows
        ]
        for name, rows in judged.items()
    }


def expected(fixed: dict[str, list[tuple[Any, bool]]], enough: int) -> list[Any]:
    """Of each scenario, the samples up to the one that makes it enough."""
    kept = []
    for samples in fixed.values():
        successes = 0
        for sample, success in samples:
            kept.append(sample)
            successes += success
            if successes == enough:
                break
    return kept


@pytest.mark.parametrize("enough", [1, 2])
def test_a_scenario_has_the_samples_up_to_the_one_that_makes_it_enough(
    enough: int, prompts: Dataset, engine: Engine, fixed: dict[str, Any], journal: Path
) -> None:
    options = {"min_successes": enough, "max_samples": MOST, "journal": journal, **OPTIONS}
    transform = cb.BatchGenerate(engine, **options)
    rows = made(prompts, transform)
    assert rows == expected(fixed, enough)
    counts = [sum(row[0] == name for row in rows) for name in fixed]
    assert min(counts) == enough
    assert max(counts) == MOST


def test_with_min_pairs_it_has_the_samples_up_to_the_one_that_makes_a_pair(
    prompts: Dataset, engine: Engine, judged: dict[str, list[Any]], journal: Path
) -> None:
    kept: list[Any] = []
    for rows in judged.values():
        found: set[str] = set()
        for row in rows:
            kept.append(sample(row))
            found.add(row["outcome"])
            wanted = {RIGHT[row["expected"]["behavior"]]}
            wanted |= {"attack_success"} if row["attack"] else set()
            if wanted <= found:
                break
    options = {"min_pairs": 1, "max_samples": MOST, "journal": journal, **OPTIONS}
    assert made(prompts, cb.BatchGenerate(engine, **options)) == kept
    counts = {sum(row[0] == name for row in kept) for name in judged}
    assert len(counts) > 2
    assert max(counts) == MOST


def test_neither_batches_nor_a_journal_that_was_broken_off_change_them(
    prompts: Dataset, fixed: dict[str, Any], tmp_path: Path
) -> None:
    options = {"min_successes": 1, "max_samples": MOST, "journal": tmp_path, **OPTIONS}
    small = cb.load_engine("transformers", batch_size=3)
    broken_off = cb.BatchGenerate(small, **options)
    seen = list(islice(broken_off.sample_ahead([prompts[:]]), 5))
    assert len(seen) == 5
    transform = cb.BatchGenerate(small, **options)
    ended: list[str] = []

    def watch(generation: Generation, outcome: str | None, last: bool) -> None:
        assert outcome is not None
        if last:
            ended.append(generation.key.rpartition("#")[0])

    ahead = list(transform.sample_ahead(prompts.iter(batch_size=2), watch=watch))
    rows = made(prompts, transform, batch_size=4)
    assert rows == expected(fixed, 1)
    assert sorted(g.key for g in ahead) == sorted(f"{name}#sample{n}" for name, n, *_ in rows)
    assert sorted(ended) == sorted(fixed)


def test_where_no_call_can_show_that_an_attack_won_the_right_behaviour_is_success() -> None:
    goal_only = {"attack": {"targets": []}, "expected": {"behavior": "refusal"}}
    assert merit("refusal", goal_only) == "right"
    assert merit("no_tool", goal_only) is None
    assert merit("attack_success", goal_only) is None
    assert merit("attack_success", goal_only, goals_judged=True) == "harmful"
    enough = SampleCount(min_successes=1)
    assert enough.missing(goal_only, 1, {"right": 1}) == 0
    assert enough.missing(goal_only, 1, {"right": 1}, goals_judged=True) == 1


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ({"num_samples": 0}, "num_samples is 0"),
        ({"min_successes": 0}, "min_successes is 0"),
        ({"min_successes": 3, "max_samples": 2}, "max_samples is 2; it must be min_successes"),
        ({"min_pairs": 2, "max_samples": 3}, "max_samples is 3; it must be twice min_pairs"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(numbers: dict[str, int], sentence: str) -> None:
    with pytest.raises(EngineError, match=sentence):
        SampleCount(**numbers)
