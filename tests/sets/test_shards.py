"""A build in shards, merged, is the build in one piece; shards that are not of one are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, load_dataset

import cb_datasets as cb
from cb_datasets.dataset import read_folder
from cb_datasets.engines import Engine
from cb_datasets.errors import BuildError
from cb_datasets.judge import Judgement, NamedJudge, judge
from cb_datasets.judge.named import JUDGES
from cb_datasets.sets.shards import parse_shard

OPTIONS: dict[str, Any] = {
    "num_samples": 2,
    "max_new_tokens": 60,
    "hold_out": ["category=urgency"],
    "dr_per_ds": 1.0,
}
OPTIONS |= {"retain_weights": {"tool_use": 1, "benign_twin": 1}}


@pytest.fixture(scope="module")
def scenarios() -> Dataset:
    everything = cb.load_source("demo")
    return everything.select(range(0, len(everything), 27))


@pytest.fixture(scope="module")
def engine() -> Engine:
    return cb.load_engine("transformers")


@pytest.fixture(scope="module")
def shards(
    scenarios: Dataset, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    folder = tmp_path_factory.mktemp("shards")
    made = [
        cb.build_shard(scenarios, engine, folder / str(index), f"{index}/3", **OPTIONS)
        for index in range(3)
    ]
    assert max(made) - min(made) <= OPTIONS["num_samples"]
    return [folder / str(index) for index in range(3)]


def files(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_merged_shards_are_the_build_in_one_piece_to_the_byte(
    scenarios: Dataset, engine: Engine, shards: list[Path], tmp_path: Path
) -> None:
    cb.build_sets(scenarios, engine, **OPTIONS).save(tmp_path / "whole")
    engine.close()
    cb.merge_shards([shards[2], shards[0], shards[1]]).save(tmp_path / "merged")
    assert files(tmp_path / "merged") == files(tmp_path / "whole")
    assert len(read_folder(tmp_path / "merged")["ds"]) > 0


def test_a_shard_is_taken_for_no_dataset(shards: list[Path]) -> None:
    with pytest.raises(BuildError, match="this is one shard of a build and no dataset"):
        read_folder(shards[0])
    with pytest.raises(Exception, match=r"[Nn]o \(supported\) data files"):
        load_dataset(str(shards[0]))


@pytest.mark.parametrize(
    ("choose", "sentence"),
    [
        (lambda s: [s[0], s[2]], "of 3 shards, number 1 is missing"),
        (lambda s: [s[0], s[1], s[2], s[1]], "are both shard 1/3"),
        (lambda s: [], "no shards were given"),
        (lambda s: [s[0].parent], "there is no shard.manifest"),
    ],
)
def test_shards_that_are_not_all_of_a_build_are_refused(
    choose: Callable[[list[Path]], list[Path]], sentence: str, shards: list[Path]
) -> None:
    with pytest.raises(BuildError, match=sentence):
        cb.merge_shards(choose(shards))


@pytest.mark.parametrize(
    ("change", "differ"),
    [
        (lambda b: b["options"].update(num_samples=1), "options: num_samples is 2 and 1"),
        (lambda b: b["engine"].update(revision="r2"), "engine: revision is 'sha256:.*' and 'r2'"),
        (lambda b: b["scenarios"].update(count=1), "scenarios: count is 23 and 1"),
        (lambda b: b.update(inputs=[{"source": "demo"}]), "inputs"),
        (lambda b: b.update(code="0" * 16), "code"),
    ],
)
def test_shards_of_different_builds_are_refused(
    change: Callable[[dict[str, Any]], None], differ: str, shards: list[Path], tmp_path: Path
) -> None:
    other = Path(shutil.copytree(shards[1], tmp_path / "other"))
    manifest = json.loads((other / "shard.manifest").read_text())
    change(manifest["build"])
    (other / "shard.manifest").write_text(json.dumps(manifest))
    with pytest.raises(BuildError, match=f"is of another build than .*: they differ in {differ}"):
        cb.merge_shards([shards[0], other, shards[2]])


def test_shards_that_other_code_made_are_refused(
    shards: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cb_datasets.sets.shards.code_version", lambda: "f" * 16)
    with pytest.raises(BuildError, match="was made by other code"):
        cb.merge_shards(shards)


def test_a_shard_that_was_changed_is_refused(shards: list[Path], tmp_path: Path) -> None:
    for name in ("samples.shard", "scenarios.shard", "tokenizer.shard"):
        copy = Path(shutil.copytree(shards[1], tmp_path / name))
        (copy / name).write_bytes((copy / name).read_bytes()[:-1])
        with pytest.raises(BuildError, match=f"{name}: the file was changed"):
            cb.merge_shards([shards[0], copy, shards[2]])
        (copy / name).unlink()
        with pytest.raises(BuildError, match=f"{name}: the file is missing"):
            cb.merge_shards([shards[0], copy, shards[2]])


@pytest.mark.parametrize("text", ["2/2", "-1/2", "1", "a/b", "0/0", "1/2/3", "", "0.5/2"])
def test_a_shard_is_written_i_of_n(text: str) -> None:
    with pytest.raises(BuildError, match="expected i/n"):
        parse_shard(text)


def judge_by_words(parsed: Any, *, expected: Any, attack: Any, **facts: Any) -> Judgement:
    found = judge(parsed, expected=expected, attack=attack, **facts)
    refused = found.outcome == "other_tool"
    return Judgement("refusal", "it did something else") if refused else found


def test_shards_remember_the_judge_that_they_were_made_for(
    scenarios: Dataset,
    engine: Engine,
    shards: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    named = NamedJudge("words", "By words", judge_by_words)
    monkeypatch.setitem(JUDGES.built_in, "words", named)
    some = scenarios.select(range(6))
    options = {"num_samples": 1, "max_new_tokens": 40, "eval_fraction": 0.0}
    for name, given in (("named", "words"), ("bare", judge_by_words)):
        cb.build_shard(some, engine, tmp_path / name, "0/1", judge=given, **options)
    whole = cb.build_sets(some, engine, judge="words", **options)
    assert whole.facts["judge"] == "words"
    merged = cb.merge_shards([tmp_path / "named"])
    assert merged.facts == whole.facts
    assert [*merged.dr, *merged.rejected] == [*whole.dr, *whole.rejected]
    with pytest.raises(BuildError, match=r"were judged by .*:judge_by_words; give it to the merge"):
        cb.merge_shards([tmp_path / "bare"])
    given = cb.merge_shards([tmp_path / "bare"], judge=judge_by_words)
    assert [*given.dr, *given.rejected] == [*whole.dr, *whole.rejected]
