"""The reference trainer, `examples/train_circuit_breaker`: its loss, its schedule, its manners."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

import cb_datasets as cb
from cb_datasets.assets import tiny_agent_path
from cb_datasets.errors import BuildError
from cb_datasets.models.tokenizer import load_tokenizer

TRAINER = Path(__file__).parents[3] / "examples" / "train_circuit_breaker"
sys.path.insert(0, str(TRAINER))

from rerouting import coefficients, rerouting_loss, retain_loss, triplet_loss  # noqa: E402
from rows import Row, batches, tensors, training_row  # noqa: E402
from states import Rerouted  # noqa: E402
from train import arguments, main  # noqa: E402


def agent() -> Any:
    return AutoModelForCausalLM.from_pretrained(tiny_agent_path(), dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scenarios = cb.load_source("demo")
    scenarios = scenarios.select([*range(12), *range(300, 316)])
    engine = cb.load_engine("transformers", dtype="float32")
    sets = cb.build_sets(scenarios, engine, num_samples=2, eval_fraction=0.0)
    assert len(sets.ds)
    assert len(sets.dr)
    path = tmp_path_factory.mktemp("built") / "set"
    sets.save(path)
    return path


def test_rerouting_fades_and_retaining_grows_until_both_weigh_half_of_alpha() -> None:
    assert coefficients(0, 100, 8.0) == (8.0, 0.0)
    assert coefficients(50, 100, 8.0) == (6.0, 2.0)
    assert coefficients(100, 100, 8.0) == (4.0, 4.0)


def test_the_losses_are_those_of_the_paper_on_the_tokens_that_count() -> None:
    rng = np.random.default_rng(0)
    trained, frozen = (
        {at: rng.normal(size=(2, 5, 7)).astype(np.float32) for at in (2, 4)} for _ in range(2)
    )
    mask = rng.random((2, 5)) < 0.5
    cosines, distances = [], []
    for at in trained:
        ours, theirs = trained[at][mask], frozen[at][mask]
        norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
        cosines.append(np.maximum((ours * theirs).sum(1) / norms, 0).mean())
        distances.append(np.sqrt(((ours - theirs) ** 2).sum(1)).mean())
    given = [{at: torch.from_numpy(h) for at, h in states.items()} for states in (trained, frozen)]
    counted = torch.from_numpy(mask)
    assert rerouting_loss(*given, counted).item() == pytest.approx(np.mean(cosines), rel=1e-5)
    assert retain_loss(*given, counted).item() == pytest.approx(np.mean(distances), rel=1e-5)


def test_the_triplet_is_content_where_states_are_far_from_what_they_were_and_near_each_other() -> (
    None
):
    mask = torch.ones(1, 3, dtype=torch.bool)
    was, gone = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    frozen = {4: was.expand(1, 3, 2)}
    assert triplet_loss({4: gone.expand(1, 3, 2)}, frozen, mask).item() == 0
    assert triplet_loss(frozen, frozen, mask).item() == pytest.approx(0.5)


@pytest.mark.parametrize("rank", [0, 4])
def test_states_are_those_that_transformers_calls_by_the_same_number(rank: int) -> None:
    model = agent()
    ids = torch.arange(24).reshape(2, 12)
    with torch.no_grad():
        wanted = model(ids, output_hidden_states=True).hidden_states
    rerouted = Rerouted(model, (2, 4), rank, 8)
    found = rerouted.frozen_states(input_ids=ids)
    assert sorted(found) == [2, 4]
    for layer, states in found.items():
        torch.testing.assert_close(states, wanted[layer])
    rerouted.stir(0.1)
    moved = rerouted.states(input_ids=ids)
    assert not torch.allclose(moved[2], wanted[2])
    torch.testing.assert_close(rerouted.frozen_states(input_ids=ids)[4], wanted[4])


@pytest.mark.parametrize("rank", [0, 4])
def test_only_layers_up_to_the_last_chosen_one_are_trained(rank: int) -> None:
    before = {name: weight.clone() for name, weight in agent().named_parameters()}
    rerouted = Rerouted(agent(), (2, 3), rank, 8)
    rerouted.stir(0.1)
    after = dict(rerouted.whole_model().named_parameters())
    assert sorted(after) == sorted(before)
    changed = {name for name, weight in after.items() if not torch.equal(weight, before[name])}
    assert changed
    assert {int(name.split(".")[2]) for name in changed} == {0, 1, 2}


def test_a_row_is_its_stored_ids_and_only_what_the_model_sampled_counts() -> None:
    tokenizer = load_tokenizer(None)
    said = tokenizer('{"name": "save_note", "parameters": {}}<|eom_id|>', add_special_tokens=False)
    stored = {
        "id": "a#0",
        "prompt_token_ids": [5, 6, 7],
        "completion_token_ids": said["input_ids"],
        "assistant_raw": tokenizer.decode(said["input_ids"]),
        "labels": {"kind": "tool_use"},
    }
    row = training_row(stored, tokenizer)
    assert row.ids.tolist() == [5, 6, 7, *said["input_ids"]]
    assert row.mask.tolist() == [False] * 3 + [True] * len(said["input_ids"])


def test_a_batch_is_padded_behind_its_rows_and_nothing_padded_counts() -> None:
    rows = [Row(np.arange(1, n + 1, dtype=np.int32), np.ones(n, bool), "answer") for n in (3, 20)]
    batch, counted = tensors(rows)
    assert batch["input_ids"].shape[1] >= 20
    assert batch["attention_mask"].sum(1).tolist() == counted.sum(1).tolist() == [3, 20]
    assert batch["input_ids"][0, :3].tolist() == [1, 2, 3]


def test_every_row_is_drawn_once_before_any_is_drawn_again() -> None:
    rows = [Row(np.array([n], np.int32), np.ones(1, bool), "answer") for n in range(10)]
    drawn = batches(rows, 5, seed=1)
    ids = [int(row.ids[0]) for _ in range(2) for row in next(drawn)]
    assert sorted(ids) == list(range(10))
    assert ids != list(range(10))


def test_kinds_are_drawn_by_their_weights() -> None:
    rows = [Row(np.array([n], np.int32), np.ones(1, bool), "answer") for n in range(90)]
    rows += [Row(np.array([n], np.int32), np.ones(1, bool), "refusal") for n in range(10)]
    rows += [Row(np.array([99], np.int32), np.ones(1, bool), "tool_use")]
    drawn = next(batches(rows, 2000, seed=0, weights={"answer": 1, "refusal": 3}))
    shares = [sum(row.kind == kind for row in drawn) / 2000 for kind in ("refusal", "tool_use")]
    assert shares[0] == pytest.approx(0.75, abs=0.04)
    assert shares[1] == 0


def test_training_writes_a_model_that_the_library_loads_and_that_is_the_seeds(
    folder: Path, tmp_path: Path
) -> None:
    options = [folder, "--steps", 2, "--ds-batch", 2, "--dr-batch", 2, "--noise", 0.01]
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert main([str(o) for o in [*options, "--output", tmp_path / name, "--seed", seed]]) == 0
    revisions = [cb.load_engine("transformers", tmp_path / name).revision for name in "abc"]
    assert revisions[0] == revisions[1] != revisions[2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["no-such-folder"], "no-such-folder: ds cannot be read"),
        (["--layers", "2,7"], "expected some of 1 to 6"),
        (["--steps", "0"], "1 or more"),
        (["--first-trained", "5"], "expected 1 to 4"),
        (["--retain-weights", "resisted=1"], "no kind of Dr has a weight above 0"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_a_sentence_and_nothing_is_written(
    options: list[str],
    words: str,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = options if not options[0].startswith("-") else [str(folder), *options]
    assert main([*given, "--output", str(tmp_path / "out")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_there_is_not_written_over(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "note").write_text("mine")
    assert main([str(folder), "--steps", "1", "--output", str(tmp_path)]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_rows_of_another_tokenizer_are_refused() -> None:
    tokenizer = load_tokenizer(None)
    row = {
        "id": "x#0",
        "prompt_token_ids": [1, 2],
        "completion_token_ids": [3, 4],
        "assistant_raw": "something else",
        "labels": {},
    }
    with pytest.raises(BuildError, match="another tokenizer"):
        training_row(row, tokenizer)


def test_the_commands_of_the_readme_are_ones_that_it_takes() -> None:
    text = (
        (TRAINER / "README.md").read_text(encoding="utf-8").replace("\\\n", " ").replace(",…", "")
    )
    commands = [line for line in text.splitlines() if "train.py my-dataset" in line]
    assert len(commands) == 2
    for command in commands:
        options = arguments(shlex.split(command)[2:])
        assert options.folder == "my-dataset"
        assert options.retain_weights
        # The library's own, and the paper's, which has no pairs.
        paper = "llama" in str(options.model).lower()
        assert options.reroute
        assert bool(options.complete) is bool(options.twin) is not paper
