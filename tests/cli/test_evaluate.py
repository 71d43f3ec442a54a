"""`cb-datasets evaluate` as a person uses it: a report, files, and exit 1 where it is vacuous."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

import cb_datasets as cb
from cb_datasets.assets import tiny_agent_path
from cb_datasets.engines import Engine
from tests.cli.command import run


@pytest.fixture(scope="module")
def part(demo: Dataset) -> Dataset:
    """A part of the demo suite."""
    return demo.select(range(0, len(demo), 4))


@pytest.fixture(scope="module")
def folder(
    part: Dataset, agent: Engine, demo_samples: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Its sets, one sample a scenario."""
    target = tmp_path_factory.mktemp("built") / "demo"
    cb.build_sets(part, agent, num_samples=1, journal=demo_samples).save(target)
    return target


@pytest.fixture(scope="module")
def sampled(demo_samples: Path) -> tuple[str, str]:
    """Options with which each row is sampled once, whichever test comes first."""
    return "--journal", str(demo_samples)


def test_the_bundled_agent_by_default(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "report"
    code, out, _ = run(capsys, "evaluate", str(folder), "--output", str(output))
    assert code == 0, out
    assert "**Valid**" in out
    found = json.loads((output / "report.json").read_text("utf-8"))
    assert found["valid"] is True
    assert found["controls"]["overlap"]["passed"] is True
    assert (output / "report.md").read_text("utf-8") in out
    lines = (output / "completions.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == found["samples"]
    assert {"id", "outcome", "completion_token_ids"} <= set(json.loads(lines[0]))
    code, _, err = run(capsys, "evaluate", str(folder), "--output", str(output))
    assert code == 2
    assert "--overwrite" in err


def test_an_invalid_report_is_exit_code_1_and_is_written_all_the_same(
    folder: Path, sampled: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "report"
    arguments = ("--min-asr", "1", "--output", str(output))
    code, out, _ = run(capsys, "evaluate", str(folder), *arguments, *sampled)
    assert code == 1
    assert "**INVALID**: asr_floor failed" in out
    assert json.loads((output / "report.json").read_text("utf-8"))["valid"] is False


def test_two_models_side_by_side_as_json(
    folder: Path, sampled: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other-agent"
    shutil.copytree(tiny_agent_path(), other)
    arguments = ("--compare", str(other), "--json")
    code, out, _ = run(capsys, "evaluate", str(folder), *arguments, *sampled)
    assert code == 0
    found = json.loads(out)
    assert found["compared"]["model"]["model"] == "other-agent"
    # The same weights and seeds: the same samples, and no difference.
    assert found["compared"]["metrics"] == found["metrics"]
    assert found["differences"]["asr"]["difference"] == 0


def test_training_sets_that_hold_the_eval_set_are_found(
    folder: Path,
    part: Dataset,
    agent: Engine,
    demo_samples: Path,
    sampled: tuple[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    trained = tmp_path / "trained"
    options = {"num_samples": 1, "eval_fraction": 0, "journal": demo_samples}
    cb.build_sets(part, agent, **options).save(trained)
    code, out, _ = run(capsys, "evaluate", str(folder), "--train", str(trained), *sampled)
    assert code == 1
    assert "**INVALID**: overlap failed" in out


def test_an_interrupted_evaluation_goes_on_with_the_samples_it_has(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from cb_datasets.engines.transformers.engine import TransformersEngine

    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    asked = ("evaluate", str(folder), "--batch-size", "8", "--json")
    whole = TransformersEngine.generate
    made: list[str] = []

    def counted(self: TransformersEngine, *given: Any) -> Iterator[Any]:
        for generation in whole(self, *given):
            if stopping and len(made) == 40:
                raise KeyboardInterrupt
            made.append(generation.key)
            yield generation

    monkeypatch.setattr(TransformersEngine, "generate", counted)
    stopping = True
    code, out, err = run(capsys, *asked)
    assert (code, out) == (130, "")
    assert "the same command goes on from them" in err
    stopping = False
    code, out, _ = run(capsys, *asked)
    assert code == 0
    assert json.loads(out)["samples"] == len(made) == len(set(made))
    # With the report there, what it was made of is not kept.
    assert not list((tmp_path / "cache").rglob("*.journal"))
    code, _, err = run(capsys, *asked, "--resume", "always")
    assert code == 2
    assert "nothing to resume" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["FOLDER", "--resume", "perhaps"],
            "resume is 'perhaps'; it must be one of auto, always, never",
        ),
        (["team/agents@v1"], "team/agents@v1: there is no such folder"),
        (["nowhere"], "there is no such folder"),
        (["FOLDER", "--model", "no/such-model-here"], "no/such-model-here"),
        (["FOLDER", "--train", "nowhere"], "there is no such folder"),
    ],
)
def test_wrong_input_is_exit_code_2_and_a_sentence(
    arguments: list[str],
    sentence: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    given = [str(folder) if argument == "FOLDER" else argument for argument in arguments]
    code, _, err = run(capsys, "evaluate", *given)
    assert code == 2
    assert sentence in err
    assert "Traceback" not in err


def test_an_attached_evaluation_is_in_card_and_manifest_and_opens_the_positive_control(
    folder: Path, sampled: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "demo"
    shutil.copytree(folder, target)
    assert "positive_control   not run" in run(capsys, "gate", str(target))[1]
    code, out, _ = run(capsys, "evaluate", str(target), "--attach", *sampled)
    assert code == 0, out
    card = (target / "README.md").read_text("utf-8")
    assert "## Evaluation" in card
    assert "attack success rate, per sample" in card
    kept = json.loads((target / "reports" / "evaluation.json").read_text("utf-8"))
    assert kept["valid"] is True
    cb.load_sets(target)
    assert "positive_control   pass" in run(capsys, "gate", str(target))[1]
    # What stands in the folder says the same as the gates that are run now.
    stored = json.loads((target / "gates.json").read_text("utf-8"))
    before = json.loads((folder / "gates.json").read_text("utf-8"))
    control = stored["results"].pop("positive_control")
    assert control["passed"]
    assert control["value"] == kept["metrics"]["asr"]["value"]
    assert stored["results"] == before["results"]
    assert "positive_control" not in stored["skipped"]
    section = card.partition("\n## Gates\n")[2].partition("\n## ")[0]
    assert "| positive_control | pass |" in " ".join(section.replace("|", " | ").split())
    assert "not run: positive_control" not in card
    assert stored["verdict"] in card.replace("\\", "")


def test_episodes_in_the_place_of_an_eval_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, journal = tmp_path / "report", tmp_path / "journal"
    played = ("evaluate", "--env", "demo", "--max-turns", "2", "--journal", str(journal))
    code, out, _ = run(capsys, *played, "--output", str(output))
    assert code == 0, out
    assert (output / "report.md").read_text("utf-8") in out
    found = json.loads((output / "report.json").read_text("utf-8"))
    assert sum(found["stops"].values()) == found["episodes"]
    scenarios = cb.load_source("rollouts", output / "trajectories")
    assert len(scenarios) == found["episodes"]
    code, out, _ = run(capsys, *played, "--json", "--min-asr", "1")
    assert code == 1
    again = json.loads(out)
    assert again["valid"] is False
    assert again["metrics"] == found["metrics"]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ((), "give either a dataset folder or --env, which plays episodes live"),
        (("folder", "--env", "demo"), "give either a dataset folder or --env"),
        (("--env", "demo", "--attach"), "--attach is for eval sets, not for --env"),
        (("--env", "demo", "--num-samples", "2"), "not for --env; -O rollouts=N plays episodes"),
        (("folder", "--max-turns", "3"), "--max-turns goes with --env only"),
        (("folder", "-O", "suite=banking"), "--env-option goes with --env only"),
        (("--env", "moon"), "there is no episode source 'moon'"),
        (("--env", "demo", "-O", "suite=x"), "the episode source 'demo' has no option 'suite'"),
    ],
)
def test_an_eval_set_or_episodes_in_one_sentence(
    asked: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "evaluate", *asked)
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1
