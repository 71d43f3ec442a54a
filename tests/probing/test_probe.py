"""The probe on the tiny agent: real states, real baselines, and labels shuffled to see it fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset, concatenate_datasets

import cb_datasets as cb
from cb_datasets.engines import Engine
from cb_datasets.errors import ProbeError
from cb_datasets.models.files import find_model
from cb_datasets.models.loading import load_model, place
from cb_datasets.models.tokenizer import load_tokenizer
from cb_datasets.probing.baselines import baseline_features
from cb_datasets.probing.comparisons import PAIRS, compare
from cb_datasets.probing.pairs import enough_pairs, pair_rows
from cb_datasets.probing.picture import layers_picture
from cb_datasets.probing.probes import Told, auroc, folds_of, out_of_fold
from cb_datasets.probing.report import ProbeReport
from cb_datasets.probing.rows import ProbeRows, probe_rows
from cb_datasets.probing.states import read_states
from cb_datasets.records import PairRow
from cb_datasets.schema import exact_rows, set_table

pytestmark = pytest.mark.long

Sets = dict[str, Dataset]


@pytest.fixture(scope="session")
def sets(agent: Engine, demo: Dataset, demo_samples: Path) -> Sets:
    """Ds and Dr of every third scenario of the demo suite, one sample each; pairs of every second,
    among which more have their twin."""
    third, half = (
        cb.build_sets(
            demo.select(range(0, 596, step)),
            agent,
            num_samples=1,
            eval_fraction=0,
            journal=demo_samples,
        )
        for step in (3, 2)
    )
    return {"ds": third.ds, "dr": third.dr, "pairs": half.pairs}


@pytest.fixture(scope="session")
def report(sets: Sets) -> ProbeReport:
    return cb.probe(sets, layers=[3], shuffles=8)


def test_states_of_ds_are_told_apart_and_the_baselines_stand_beside_them(
    report: ProbeReport,
) -> None:
    assert report.separates
    found = report.headline
    assert found.name == "attacked"
    assert set(found.baselines) == {"length", "tool_name", "bag_to_name", "bag_of_tokens"}
    assert found.best_auroc.auroc > found.shuffled.high
    # The verdict must not claim more than the baselines allow.
    beaten = found.gain.low > 0
    assert ("above every baseline" in report.verdict) == beaten
    assert ("does as well" in report.verdict.split(" A baseline")[0]) == (not beaten)


def test_with_shuffled_labels_the_same_probe_is_at_chance(sets: Sets) -> None:
    columns = [c for c in sets["ds"].column_names if c not in ("labels", "attack")]
    pool = concatenate_datasets([sets[name].select_columns(columns) for name in ("ds", "dr")])
    order = np.random.default_rng(0).permutation(len(pool)).tolist()
    cut = len(sets["ds"])
    parts = {"ds": order[:cut], "dr": order[cut:]}
    labels = {"ds": {"category": "c"}, "dr": {"category": "c", "kind": "tool_use"}}
    shuffled = {
        name: pool.select(rows).add_column("labels", [labels[name]] * len(rows))
        for name, rows in parts.items()
    }
    found = cb.probe(shuffled, layers=[3], shuffles=8)
    assert not found.separates
    assert "no better than with shuffled labels" in found.verdict
    assert 0.35 < found.headline.best_auroc.auroc < 0.65


def test_completions_are_compared_under_one_prompt(sets: Sets, report: ProbeReport) -> None:
    found = report.pairs
    assert found is not None
    both = sum(side is not None for side in sets["pairs"]["rejected"])
    assert found.ds == found.dr == both >= 20
    assert set(found.baselines) == set(report.headline.baselines)
    assert found.best_auroc.low > 0.5
    assert f"Under one and the same prompt ({both} pairs)" in report.verdict
    assert report.to_dict()["pairs"]["against"] == "right completions of the same prompts"
    assert "| right completions of the same prompts |" in report.to_markdown()
    assert report.panels[-1] is found


def test_sides_that_were_swapped_by_chance_are_at_chance(sets: Sets) -> None:
    pairs = enough_pairs(sets["pairs"])
    assert pairs is not None
    swapped = list(exact_rows(pairs))
    generator = np.random.default_rng(0)
    for row in swapped:
        if generator.random() < 0.5:
            row["chosen"], row["rejected"] = row["rejected"], row["chosen"]
    files = find_model(None, None)
    rows = pair_rows(set_table(swapped, PairRow), load_tokenizer(None), model="m")
    model = load_model(files, place(files, dtype="auto", device="cpu", quantization=None))
    states = read_states(model, rows, (3,), tokens=4000)
    found = compare(PAIRS, rows, states, baseline_features(rows), seed=0, shuffles=8)
    assert 0.2 < found.best_auroc.auroc < 0.75
    assert found.best_auroc.low < found.shuffled.high


def test_what_differs_between_prompts_adds_nothing_under_one_prompt() -> None:
    labels, prompts = np.arange(40) % 2 == 0, np.arange(40) // 2
    scores = 10.0 * prompts + labels
    assert auroc(scores, labels) < 0.6
    assert Told(labels, prompts, 0, prompts).auroc(scores) == 1
    assert Told(labels, prompts, 0, prompts).auroc(-scores) == 0
    assert Told(labels, prompts, 0).auroc(scores) == auroc(scores, labels)


def test_too_few_pairs_are_none(sets: Sets) -> None:
    assert enough_pairs(None) is enough_pairs(sets["pairs"].select(range(15))) is None


def test_the_same_seed_gives_the_same_report_and_picture(sets: Sets, report: ProbeReport) -> None:
    again = cb.probe(sets, layers=[3], shuffles=8, batch_tokens=1000)
    # Batches of another shape round differently, in float64 far below what is reported.
    first, second = report.headline, again.headline
    assert first.best == second.best
    assert first.best_auroc.auroc == pytest.approx(second.best_auroc.auroc, abs=1e-6)
    assert layers_picture(report) == layers_picture(report)
    assert layers_picture(report).startswith(b"\x89PNG")
    json.dumps(report.to_dict(), allow_nan=False)


def test_completions_of_the_model_are_on_policy_and_twins_are_further_than_attacks(
    report: ProbeReport,
) -> None:
    assert report.likelihood["words"].startswith("On policy")
    assert 0 < report.likelihood["sets"]["ds"]["model"] < 1
    assert report.twins.pairs > 5
    assert report.twins.harmful is not None
    assert report.twins.safe is not None
    assert report.twins.harmful < report.twins.safe


@pytest.fixture(scope="module")
def few(sets: Sets) -> tuple[ProbeRows, Any]:
    files = find_model(None, None)
    rows = probe_rows(
        sets["ds"].select(range(3)), sets["dr"].select(range(3)), load_tokenizer(None), model="m"
    )
    placement = place(files, dtype="auto", device="cpu", quantization=None)
    return rows, load_model(files, placement)


def test_states_and_likelihoods_are_those_of_a_plain_forward_pass(
    few: tuple[ProbeRows, Any],
) -> None:
    rows, model = few
    states = read_states(model, rows, (2, 5), tokens=700)
    for number, row in enumerate(rows.facts):
        ((prompt, said),) = rows.token_ids([number])
        ids = torch.tensor([[*prompt, *said]])
        with torch.inference_mode():
            out = model(input_ids=ids, output_hidden_states=True)
        for layer in (2, 5):
            hidden = out.hidden_states[layer][0]
            named = hidden[row.name_at].numpy()
            mean = hidden[len(prompt) :].mean(dim=0).numpy()
            assert np.allclose(states.at(layer, "tool_name")[number], named, atol=1e-5)
            assert np.allclose(states.at(layer, "completion")[number], mean, atol=1e-5)
        logs = torch.log_softmax(out.logits[0, len(prompt) - 1 : -1].double(), dim=-1)
        nll = -logs[range(len(said)), said].mean().item()
        assert states.nll[number] == pytest.approx(nll, abs=1e-5)


def test_the_place_of_a_call_is_the_last_token_of_its_name(few: tuple[ProbeRows, Any]) -> None:
    rows, _ = few
    tokenizer = load_tokenizer(None)
    for number, row in enumerate(rows.facts[:3]):
        ((prompt, said),) = rows.token_ids([number])
        read = tokenizer.decode([*prompt, *said][len(prompt) : row.name_at + 1])
        assert row.tool
        assert read.rstrip('"').endswith(row.tool)


def test_no_group_and_no_call_is_in_training_and_in_test() -> None:
    labels = np.arange(60) % 3 == 0
    groups = np.arange(60) // 4
    calls = np.array([f"call {n % 9}" if n % 2 else "" for n in range(60)])
    folds = folds_of(labels, groups, calls, seed=1)
    tested = np.zeros(60, int)
    for train, test in folds:
        tested += test
        assert not set(groups[train]) & set(groups[test])
        assert not (set(calls[train]) & set(calls[test])) - {""}
        assert "" in calls[train]
        assert train.any()
    assert (tested == 1).all()


def test_calls_known_by_heart_are_no_separation() -> None:
    """Each attacker's call in many groups, each right call in many others, and nothing else."""
    labels = np.arange(80) < 40
    groups, calls = np.arange(80), np.array([f"call {n // 5}" for n in range(80)])
    known = np.eye(16)[np.arange(80) // 5]
    apart = out_of_fold(known, labels, folds_of(labels, groups, calls, seed=0))
    together = out_of_fold(known, labels, folds_of(labels, groups, np.full(80, ""), seed=0))
    assert auroc(together, labels) > 0.95
    assert auroc(apart, labels) < 0.7


def test_ties_count_half() -> None:
    assert auroc(np.zeros(60), np.arange(60) % 3 == 0) == 0.5


@pytest.mark.parametrize(
    ("changes", "options", "said"),
    [
        ({}, {"layers": [7]}, "there is no layer 7; the model has layers 1 to 6"),
        ({"ds": 0}, {}, "ds holds no rows"),
        ({"dr": 5}, {}, "Dr needs 20 rows"),
        ({}, {"shuffles": 0}, "1 or more"),
    ],
)
def test_what_cannot_be_probed_is_one_sentence(
    sets: Sets, changes: dict[str, int], options: dict[str, Any], said: str
) -> None:
    given = {
        name: table.select(range(changes.get(name, len(table)))) for name, table in sets.items()
    }
    with pytest.raises(ProbeError, match=said):
        cb.probe(given, **{"layers": [1], **options})


def test_ids_of_another_tokenizer_are_refused_and_the_row_is_named(sets: Sets) -> None:
    rows = [dict(row) for row in sets["ds"]]
    rows[2]["completion_token_ids"] = rows[3]["completion_token_ids"][::-1]
    spoiled = Dataset.from_list(rows, features=sets["ds"].features)
    with pytest.raises(ProbeError, match="its ids are not of the tokenizer"):
        cb.probe({**sets, "ds": spoiled}, layers=[1])
