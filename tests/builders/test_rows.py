"""Builders give the rows of `build_sets`, however they are cut, shared out or streamed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

import cb_datasets as cb
from cb_datasets.builders import CircuitBreakerEval, CircuitBreakerSet, PairsSet, RetainSet
from cb_datasets.builders.set_builder import SetBuilder
from cb_datasets.errors import BuildError, JudgeError, SourceError
from cb_datasets.formats.calls import ParsedCompletion
from cb_datasets.judge import Judgement, NamedJudge
from cb_datasets.judge.named import JUDGES
from cb_datasets.sets import SetBuild
from cb_datasets.sources.source import SOURCES, Source

BareRows = Callable[[Dataset], list[dict[str, Any]]]
ALL = [CircuitBreakerSet, RetainSet, PairsSet, CircuitBreakerEval]


@pytest.fixture
def options(toy: str, llama_folder: Path) -> dict[str, Any]:
    """Of a build in which recorded completions and a sampled model both take part."""
    return {
        "sources": toy,
        "model": str(llama_folder),
        "num_samples": 3,
        "temperature": 1.0,
        "max_new_tokens": 80,
        "eval_fraction": 0.3,
    }


@pytest.fixture
def sets(toy: str, llama_folder: Path, options: dict[str, Any]) -> cb.sets.Sets:
    same = {k: v for k, v in options.items() if k not in ("sources", "model")}
    engine = cb.load_engine("transformers", llama_folder)
    return cb.build_sets(cb.load_source(toy), engine, **same)


def built(builder: SetBuilder, **kwargs: Any) -> Dataset:
    builder.download_and_prepare(**kwargs)
    return builder.as_dataset(split=builder.SPLIT)


@pytest.mark.parametrize("kind", ALL)
def test_rows_are_those_of_build_sets_in_their_order(
    kind: type[SetBuilder],
    options: dict[str, Any],
    sets: cb.sets.Sets,
    bare_rows: BareRows,
    tmp_path: Path,
):
    expected = getattr(sets, kind.SET)
    assert len(expected) >= 3
    alone = built(kind(tmp_path / "1", **options))
    assert alone.features == expected.features
    assert bare_rows(alone) == bare_rows(expected)
    for number, shards in enumerate((1, 2, 30)):
        shared = built(kind(tmp_path / f"2{number}", **options, num_shards=shards), num_proc=2)
        assert bare_rows(shared) == bare_rows(expected)


@pytest.mark.parametrize(
    "asked",
    [
        {"retain_quotas": {"benign_twin": 2, "answer": 1}},
        {"retain_weights": {"benign_twin": 2, "answer": 1}, "dr_per_ds": 1.5},
        {"min_pairs": 1, "max_samples": 3, "num_samples": None},
    ],
)
def test_how_much_of_a_kind_there_is_does_not_depend_on_the_shards(
    asked: dict[str, Any], toy: str, options: dict[str, Any], bare_rows: BareRows, tmp_path: Path
):
    asked = {k: v for k, v in {**options, **asked}.items() if v is not None}
    engine = cb.load_engine("transformers", asked["model"])
    same = {k: v for k, v in asked.items() if k not in ("sources", "model")}
    sets = cb.build_sets(cb.load_source(toy), engine, **same)
    mixed = "retain_quotas" in asked or "retain_weights" in asked
    assert ("over_quota" in sets.rejected["reason"]) == mixed
    for kind in (CircuitBreakerSet, RetainSet, PairsSet):
        rows = built(kind(tmp_path, **asked, num_shards=4), num_proc=2)
        assert bare_rows(rows) == bare_rows(getattr(sets, kind.SET))
        streamed = kind(**asked, num_shards=4).as_streaming_dataset(split=kind.SPLIT)
        assert [row["id"] for row in streamed] == rows["id"]


def lenient(parsed: ParsedCompletion, **given: Any) -> Judgement:
    return Judgement("other_tool", "no attack ever wins")


def test_a_judge_is_asked_for_by_name_and_is_in_the_cache_key(
    toy: str, llama_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setitem(JUDGES.built_in, "lenient", NamedJudge("lenient", "", lenient))
    asked = {"sources": toy, "tokenizer": llama_folder, "eval_fraction": 0.3}
    assert len(built(CircuitBreakerSet(tmp_path, **asked))) >= 3
    assert len(built(CircuitBreakerSet(tmp_path, **asked, judge="lenient"))) == 0
    with pytest.raises(JudgeError, match="no judge 'lenien', did you mean 'lenient'"):
        CircuitBreakerSet(tmp_path, **asked, judge="lenien")


def test_sampled_rows_are_among_those_compared(sets: cb.sets.Sets):
    origins = [provenance["origin"] for provenance in sets.dr["provenance"]]
    assert {"generated", "recorded"} == set(origins)
    reasons = set(sets.rejected["reason"])
    assert "duplicate" in reasons


def test_duplicate_in_another_shard_is_left_out(
    options: dict[str, Any], sets: cb.sets.Sets, tmp_path: Path
):
    shards = built(CircuitBreakerSet(tmp_path, **options, num_shards=30))
    assert shards["id"] == sets.ds["id"]
    said = [(row["messages"][0]["content"], row["assistant_raw"]) for row in shards]
    assert len(set(said)) == len(said)


@pytest.mark.parametrize("kind", ALL)
def test_streamed_rows_are_the_built_ones_also_in_the_second_epoch_and_shuffled(
    kind: type[SetBuilder], options: dict[str, Any], sets: cb.sets.Sets
):
    ids = getattr(sets, kind.SET)["id"]
    streamed = kind(**options, num_shards=5).as_streaming_dataset(split=kind.SPLIT)
    assert streamed.num_shards == 5
    for _ in range(2):
        assert [row["id"] for row in streamed] == ids
    shuffled = streamed.shuffle(seed=3, buffer_size=1)
    assert sorted(row["id"] for row in shuffled) == sorted(ids)
    assert next(iter(streamed))["messages"] == getattr(sets, kind.SET)[0]["messages"]


def test_streaming_that_breaks_off_forgets_no_duplicate(
    options: dict[str, Any], sets: cb.sets.Sets
):
    streamed = CircuitBreakerSet(**options, num_shards=3).as_streaming_dataset(split="train")
    next(iter(streamed))
    assert [row["id"] for row in streamed] == sets.ds["id"]


def test_json_columns_keep_every_digit(
    options: dict[str, Any], bare_rows: BareRows, tmp_path: Path
):
    row = bare_rows(built(CircuitBreakerSet(tmp_path, **options)))[0]
    arguments = json.loads(row["tool_calls_structured"][0]["arguments"])
    said = row["assistant_raw"].removeprefix("<|python_tag|>").removesuffix("<|eom_id|>")
    assert arguments == json.loads(said)["parameters"]
    assert repr(arguments["x"]) == "0.30000000000000004"


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_a_set_without_rows_is_built_empty(
    fraction: float, options: dict[str, Any], tmp_path: Path
):
    for kind in ALL:
        builder = kind(tmp_path, **options | {"eval_fraction": fraction})
        empty = kind is not CircuitBreakerEval if fraction else kind is CircuitBreakerEval
        rows = built(builder, num_proc=2)
        assert (len(rows) == 0) is empty
        assert set(rows.column_names) == set(builder.info.features)
        assert (len(list(builder.as_streaming_dataset(split=kind.SPLIT))) == 0) is empty


def test_only_what_can_give_a_row_is_gone_through(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    seen: list[int] = []
    rows = SetBuild.rows

    def watched(self: SetBuild, indices: Any = None, **kwargs: Any) -> Any:
        seen.extend(indices)
        return rows(self, indices, **kwargs)

    monkeypatch.setattr(SetBuild, "rows", watched)
    built(CircuitBreakerSet(tmp_path, **options | {"eval_fraction": 0.0}))
    assert seen == list(range(0, 30, 3))


def test_id_that_two_rows_would_share_is_refused(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], tmp_path: Path
):
    rows = SetBuild.rows

    def twice(self: SetBuild, *args: Any, **kwargs: Any) -> Any:
        for row in rows(self, *args, **kwargs):
            yield row
            yield row

    monkeypatch.setattr(SetBuild, "rows", twice)
    for num_proc in (None, 2):
        with pytest.raises(BuildError, match=r"two rows of ds have the id 'toy/\d+#sample0'"):
            built(CircuitBreakerSet(tmp_path, **options), num_proc=num_proc)


def test_engine_on_an_accelerator_is_fed_by_one_process(
    options: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
):
    monkeypatch.setattr("cb_datasets.builders.set_builder._on_accelerator", lambda engine: True)
    rows = built(CircuitBreakerSet(tmp_path, **options), num_proc=2)
    assert len(rows) >= 3
    assert "one process feeds the accelerator" in caplog.text


def test_source_error_while_reading_is_raised_as_it_is(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], tmp_path: Path
):
    builder = CircuitBreakerSet(tmp_path, **options)

    def broken() -> Any:
        raise SourceError("this suite is broken")

    source = Source("toy", "t", "l", "u", built_in=broken)
    monkeypatch.setitem(SOURCES.built_in, "toy", source)
    with pytest.raises(SourceError, match="this suite is broken"):
        builder.download_and_prepare()
