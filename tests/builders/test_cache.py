"""A built set is served from the cache if all it was made from is the same, and only then."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cb_datasets.builders import CircuitBreakerSet, RetainSet, set_builder
from cb_datasets.builders.set_builder import SetBuilder
from cb_datasets.errors import EngineError, SourceError
from cb_datasets.sources.source import SOURCES, Source

WriteTraces = Callable[..., Path]


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry each time that rows are made and not taken from the cache."""
    made: list[str] = []
    examples = SetBuilder._generate_examples

    def watched(self: SetBuilder, *args: Any, **kwargs: Any) -> Iterator[Any]:
        made.append(self.SET)
        yield from examples(self, *args, **kwargs)

    monkeypatch.setattr(SetBuilder, "_generate_examples", watched)
    return made


@pytest.fixture
def ids(llama_folder: Path, tmp_path: Path) -> Callable[..., list[str]]:
    """Build Ds of a file of traces, in one cache, and give the ids of its rows."""

    def build(file: Path, kind: type[SetBuilder] = CircuitBreakerSet, **fields: Any) -> list[str]:
        fields = {"tokenizer": str(llama_folder), "eval_fraction": 0.0} | fields
        builder = kind(tmp_path / "cache", "agentdojo", data_files=file, **fields)
        builder.download_and_prepare()
        rows = builder.as_dataset(split="train")
        return [row.rsplit("/", 1)[-1] for row in rows["id"]]

    return build


def test_second_time_nothing_is_generated(
    write_traces: WriteTraces, ids: Callable[..., list[str]], generated: list[str]
):
    file = write_traces(hijacked=2)
    assert ids(file) == ids(file) == ["direct0#sample0", "direct1#sample0"]
    assert generated == ["ds"]


def test_edited_file_gives_new_rows_and_the_old_one_its_old_rows(
    write_traces: WriteTraces, ids: Callable[..., list[str]], generated: list[str]
):
    assert len(ids(write_traces(hijacked=2))) == 2
    assert len(ids(write_traces(hijacked=3))) == 3
    assert len(ids(write_traces(hijacked=2))) == 2
    assert generated == ["ds", "ds"]


def test_moved_file_is_still_found_and_a_renamed_one_is_another(
    write_traces: WriteTraces, ids: Callable[..., list[str]], generated: list[str]
):
    ids(write_traces(hijacked=2))
    ids(write_traces(hijacked=2, name="elsewhere/traces.jsonl"))
    assert generated == ["ds"]
    # The name is in the rows' provenance and ids.
    ids(write_traces(hijacked=2, name="elsewhere/other.jsonl"))
    assert generated == ["ds", "ds"]


def test_an_edited_mapping_is_built_anew(tmp_path: Path, llama_folder: Path, generated: list[str]):
    rows, mapping = tmp_path / "rows.jsonl", tmp_path / "map.yaml"
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    rows.write_text(json.dumps({"mine": "a", "other": "b", "messages": said, "done": True}))

    def built() -> list[str]:
        builder = RetainSet(
            tmp_path / "cache",
            "generic",
            data_files=rows,
            source_options={"generic": {"mapping": str(mapping)}},
            tokenizer=str(llama_folder),
            eval_fraction=0.0,
        )
        builder.download_and_prepare()
        return [row["record_id"] for row in builder.as_dataset(split="train")["provenance"]]

    mapping.write_text("id: mine\naccepted: done\n")
    assert built() == built() == ["a"]
    mapping.write_text("id: other\naccepted: done\n")
    assert built() == ["b"]
    assert generated == ["dr", "dr"]


def test_a_source_of_another_package_that_was_edited_is_built_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, llama_folder: Path
):
    file = tmp_path / "edited_reader.py"
    file.write_text("def read():\n    return []\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    read = importlib.import_module("edited_reader").read
    monkeypatch.setitem(SOURCES.built_in, "edited", Source("edited", "t", "l", "u", built_in=read))

    def key() -> str:
        fields = {"tokenizer": str(llama_folder), "sources": ["edited"]}
        return str(CircuitBreakerSet(tmp_path / "cache", **fields).hash)

    before = key()
    assert key() == before
    file.write_text("def read():\n    return [][:0]\n")
    assert key() != before


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"num_samples": 1},
        {"temperature": 0.5},
        {"max_new_tokens": 64},
        {"redact_harmful_prompt": True},
        {"eval_fraction": 0.1},
        {"include_forced_calls": False},
        {"timestamp": "2025-01-01T00:00:00+00:00"},
    ],
)
def test_changed_option_is_built_anew(
    change: dict[str, Any],
    write_traces: WriteTraces,
    ids: Callable[..., list[str]],
    generated: list[str],
):
    file = write_traces(hijacked=1)
    for fields in ({}, change, {}, change):
        ids(file, **fields)
    assert generated == ["ds", "ds"]


def test_options_that_change_no_row_are_served_from_the_cache(
    write_traces: WriteTraces, ids: Callable[..., list[str]], generated: list[str]
):
    file = write_traces(hijacked=2)
    ids(file)
    ids(file, num_shards=2, seed=0)
    assert generated == ["ds"]


def test_sets_do_not_share_a_place(
    write_traces: WriteTraces, ids: Callable[..., list[str]], generated: list[str]
):
    file = write_traces(hijacked=1, resisted=1)
    assert ids(file, RetainSet) == ["direct1#sample0"]
    assert ids(file, CircuitBreakerSet) == ["direct0#sample0"]
    assert generated == ["dr", "ds"]


def test_changed_code_is_built_anew(
    write_traces: WriteTraces,
    ids: Callable[..., list[str]],
    generated: list[str],
    monkeypatch: pytest.MonkeyPatch,
):
    file = write_traces(hijacked=1)
    ids(file)
    monkeypatch.setattr(set_builder, "code_version", lambda *rooms: "other code")
    ids(file)
    assert generated == ["ds", "ds"]


def test_other_weights_under_the_same_path_are_built_anew(
    toy: str, llama_folder: Path, generated: list[str], tmp_path: Path
):
    folder = Path(shutil.copytree(llama_folder, tmp_path / "model"))
    for _ in range(2):
        RetainSet(
            tmp_path / "cache", sources=toy, model=folder, num_samples=1, max_new_tokens=8
        ).download_and_prepare()
    assert generated == ["dr"]
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-3] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    builder = RetainSet(
        tmp_path / "cache", sources=toy, model=folder, num_samples=1, max_new_tokens=8
    )
    assert "_model" not in builder._engine.__dict__
    builder.download_and_prepare()
    assert generated == ["dr", "dr"]


def test_weights_that_change_after_the_builder_was_made_are_not_used(
    toy: str, llama_folder: Path, tmp_path: Path
):
    folder = Path(shutil.copytree(llama_folder, tmp_path / "model"))
    builder = RetainSet(tmp_path / "cache", sources=toy, model=folder, num_samples=1)
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-3] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    with pytest.raises(EngineError, match="has changed since this engine was made"):
        builder.download_and_prepare()


def test_file_that_changes_after_the_builder_was_made_is_not_read(
    write_traces: WriteTraces, llama_folder: Path, tmp_path: Path
):
    file = write_traces(hijacked=1)
    builder = RetainSet(
        tmp_path / "cache", "agentdojo", data_files=file, tokenizer=str(llama_folder)
    )
    write_traces(hijacked=2)
    with pytest.raises(SourceError, match="has changed since this builder was made"):
        builder.download_and_prepare()
    with pytest.raises(SourceError, match="has changed since this builder was made"):
        builder.as_streaming_dataset(split="train")
    # Nothing that looks finished was left: the file as it was is built, not found.
    write_traces(hijacked=1)
    builder.download_and_prepare()
    assert len(builder.as_dataset(split="train")) == 1


def test_stamp_of_the_day_is_no_part_of_the_key_and_a_given_one_is(
    toy: str, llama_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    def place() -> str:
        return str(RetainSet(tmp_path, sources=toy, model=llama_folder).cache_dir)

    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    today = place()
    monkeypatch.setattr(set_builder, "build_timestamp", lambda: "2001-01-01T00:00:00+00:00")
    assert place() == today
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert place() != today
