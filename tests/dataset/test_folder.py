"""The dataset folder: complete, loadable, reproducible, or not there at all."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import Dataset, load_dataset

import cb_datasets as cb
from cb_datasets.dataset import CONFIGS, read_folder
from cb_datasets.errors import BuildError
from cb_datasets.schema import exact_rows
from cb_datasets.sets import Sets

MakeSets = Callable[..., Sets]


def test_every_config_loads_with_its_rows(make_sets: MakeSets, tmp_path: Path) -> None:
    sets = make_sets()
    sets.save(tmp_path / "out")
    for config in ("ds", "dr", "eval"):
        rows = load_dataset(
            str(tmp_path / "out"), config, split=CONFIGS[config], cache_dir=str(tmp_path / "cache")
        )
        assert rows["id"] == getattr(sets, config)["id"]
        assert rows.features == getattr(sets, config).features


def test_the_manifest_has_the_hash_of_every_other_file(make_sets: MakeSets, tmp_path: Path) -> None:
    make_sets().save(tmp_path / "out")
    files = json.loads((tmp_path / "out/manifest.json").read_text())["files"]
    there = {f.relative_to(tmp_path / "out").as_posix() for f in (tmp_path / "out").rglob("*.*")}
    assert set(files) == there - {"manifest.json"}
    for name, facts in files.items():
        content = (tmp_path / "out" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == facts["sha256"]


def test_two_builds_are_the_same_to_the_byte(make_sets: MakeSets, tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_sets().save(tmp_path / name)
    for file in (tmp_path / "one").rglob("*.*"):
        other = tmp_path / "two" / file.relative_to(tmp_path / "one")
        assert file.read_bytes() == other.read_bytes(), file.name


def test_an_empty_set_is_no_config(make_sets: MakeSets, tmp_path: Path) -> None:
    make_sets(eval_fraction=0).save(tmp_path / "out")
    assert not (tmp_path / "out/eval").exists()
    assert len(read_folder(tmp_path / "out")["eval"]) == 0
    assert len(load_dataset(str(tmp_path / "out"), "ds", cache_dir=str(tmp_path))["train"]) == 11


def test_a_folder_that_is_there_is_refused_and_kept(make_sets: MakeSets, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    with pytest.raises(BuildError, match="exists and is not empty; --overwrite replaces it"):
        make_sets().save(tmp_path / "out")
    assert (tmp_path / "out/mine.txt").read_text() == "mine"
    make_sets().save(tmp_path / "out", overwrite=True)
    assert not (tmp_path / "out/mine.txt").exists()
    assert [f.name for f in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space"), KeyboardInterrupt()])
def test_a_write_that_ends_half_way_leaves_nothing(
    make_sets: MakeSets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    sets = make_sets()
    real = Dataset.to_parquet

    def second_fails(self: Dataset, path: Path, **options: object) -> int:
        if path.parent.name == "dr":
            raise failure
        return real(self, path, **options)

    monkeypatch.setattr(Dataset, "to_parquet", second_fails)
    expected = KeyboardInterrupt if isinstance(failure, KeyboardInterrupt) else BuildError
    with pytest.raises(expected) as caught:
        sets.save(tmp_path / "out")
    if expected is BuildError:
        assert "the disk is full" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_overwrite_keeps_the_old_folder(
    make_sets: MakeSets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = make_sets()
    sets.save(tmp_path / "out")
    before = (tmp_path / "out/manifest.json").read_bytes()
    monkeypatch.setattr(Dataset, "to_parquet", lambda *_, **__: (_ for _ in ()).throw(OSError(28)))
    with pytest.raises(BuildError):
        sets.save(tmp_path / "out", overwrite=True)
    assert (tmp_path / "out/manifest.json").read_bytes() == before


def test_what_is_no_dataset_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"nowhere: there is no such folder"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(BuildError, match=r"there is no manifest\.json"):
        read_folder(tmp_path)


def test_jsonl_has_the_shape_of_the_specification(make_sets: MakeSets, tmp_path: Path) -> None:
    sets = make_sets(eval_fraction=0)
    assert cb.export_jsonl(sets.ds, tmp_path / "ds.jsonl") == len(sets.ds)
    rows = [json.loads(line) for line in (tmp_path / "ds.jsonl").read_text().splitlines()]
    first = rows[0]
    assert list(first)[:6] == [
        "id", "split", "set", "messages", "assistant_raw", "tool_calls_structured",
    ]  # fmt: skip
    assert (first["split"], first["set"]) == ("train", "circuit_breaker")
    assert (
        first["labels"].items()
        >= {
            "is_harmful": True,
            "harm_type": "tool_flip",
            "expected_tool": "search_docs",
            "observed_tool": "search_web",
        }.items()
    )
    assert first["provenance"]["generator_model"] == "a-model"
    assert first["provenance"]["timestamp"] is None, "a field of the specification is there"
    assert "generator_revision" not in first["provenance"], "other nulls are left out"
    whole = next(exact_rows(sets.ds))["provenance"]
    assert list(first["provenance"]) == [name for name in whole if name in first["provenance"]]


def test_jsonl_with_nulls_has_every_column(make_sets: MakeSets, tmp_path: Path) -> None:
    sets = make_sets(eval_fraction=0)
    cb.export_jsonl(sets.ds, tmp_path / "ds.jsonl", nulls=True)
    rows = [json.loads(line) for line in (tmp_path / "ds.jsonl").read_text().splitlines()]
    assert [row.keys() for row in rows] == [set(sets.ds.column_names)] * len(rows)
    assert rows[0]["provenance"]["generator_revision"] is None
    cb.export_jsonl(sets.dr, tmp_path / "dr.jsonl")
    for name in ("ds", "dr"):
        again = [json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
        assert cb.run_gates(**{name: again}).results["format_validity"].value == 1.0


def test_jsonl_keeps_numbers_to_the_last_digit(make_sets: MakeSets, tmp_path: Path) -> None:
    cb.export_jsonl(make_sets(eval_fraction=0).ds, tmp_path / "ds.jsonl")
    last = json.loads((tmp_path / "ds.jsonl").read_text().splitlines()[-1])
    assert last["tool_calls_structured"][0]["arguments"]["share"] == 0.1 + 0.2
    assert cb.parse_completion(last["assistant_raw"]).calls[0].arguments["share"] == 0.1 + 0.2
