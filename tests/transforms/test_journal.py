"""`BatchGenerate` with a journal: the same rows, and nothing sampled twice."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from datasets.fingerprint import Hasher
from transformers import PreTrainedTokenizerBase

import cb_datasets as cb
from cb_datasets.engines.protocol import Engine, Generation
from cb_datasets.engines.transformers.engine import TransformersEngine
from cb_datasets.errors import EngineError
from tests.transforms.conftest import scenario_row, scenario_table

OPTIONS: dict[str, Any] = {"num_samples": 2, "max_new_tokens": 8, "timestamp": "2026-01-01"}


@pytest.fixture(scope="module")
def engine(llama_folder: Path) -> Engine:
    return cb.load_engine("transformers", str(llama_folder))


@pytest.fixture(scope="module")
def prompts(llama_tokenizer: PreTrainedTokenizerBase) -> Dataset:
    rows = [scenario_row(number, recorded=None) for number in range(12)]
    return scenario_table(rows).map(cb.FormatPrompt(llama_tokenizer), batched=True)


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of all samples that were made, not read."""
    made: list[str] = []
    generate = TransformersEngine.generate

    def counted(self: Any, requests: Any, sampling: Any) -> Iterator[Generation]:
        for generation in generate(self, requests, sampling):
            made.append(generation.key)
            yield generation

    monkeypatch.setattr(TransformersEngine, "generate", counted)
    return made


def rows(prompts: Dataset, transform: cb.BatchGenerate, **how: Any) -> list[dict[str, Any]]:
    return list(prompts.map(transform, batched=True, load_from_cache_file=False, **how))


def test_rows_from_the_journal_are_those_that_were_sampled(
    prompts: Dataset, engine: Engine, tmp_path: Path, sampled: list[str]
):
    expected = rows(prompts, cb.BatchGenerate(engine, **OPTIONS))
    sampled.clear()
    transform = cb.BatchGenerate(engine, journal=tmp_path, **OPTIONS)
    assert rows(prompts.select(range(5)), transform) == expected[:10]
    assert len(sampled) == 10
    assert rows(prompts, transform, batch_size=5) == expected
    assert len(sampled) == 24
    again = cb.BatchGenerate(engine, journal=tmp_path, resume="always", **OPTIONS)
    assert rows(prompts, again, batch_size=3) == expected
    assert len(sampled) == 24


def test_a_finished_run_is_read_without_loading_the_model(
    prompts: Dataset, llama_folder: Path, tmp_path: Path
):
    engine = cb.load_engine("transformers", str(llama_folder))
    transform = cb.BatchGenerate(engine, journal=tmp_path, **OPTIONS)
    expected = rows(prompts, transform)
    engine.close()
    assert rows(prompts, transform) == expected
    assert "_model" not in engine.__dict__


def test_two_processes_share_a_journal(
    prompts: Dataset, engine: Engine, tmp_path: Path, sampled: list[str]
):
    transform = cb.BatchGenerate(engine, journal=tmp_path, **OPTIONS)
    shared = rows(prompts, transform, num_proc=2)
    assert len(list(tmp_path.glob("part-*.journal"))) == 2
    sampled.clear()
    assert rows(prompts, transform) == shared
    assert sampled == []


@pytest.mark.parametrize("journal", [True, False])
def test_samples_made_ahead_as_one_stream_are_found_batch_by_batch(
    prompts: Dataset, engine: Engine, tmp_path: Path, sampled: list[str], journal: bool
):
    expected = rows(prompts, cb.BatchGenerate(engine, **OPTIONS))
    sampled.clear()
    transform = cb.BatchGenerate(engine, journal=tmp_path if journal else None, **OPTIONS)
    ahead = list(transform.sample_ahead(prompts.iter(batch_size=2)))
    assert len(ahead) == len(sampled) == 24
    batches = [transform(batch) for batch in prompts.iter(batch_size=5)]
    made = [raw for batch in batches for raw in batch["assistant_raw"]]
    assert made == [row["assistant_raw"] for row in expected]
    assert len(sampled) == 24


def test_resume_never_makes_every_sample_anew_and_always_wants_some(
    prompts: Dataset, engine: Engine, tmp_path: Path, sampled: list[str]
):
    always = cb.BatchGenerate(engine, journal=tmp_path, resume="always", **OPTIONS)
    with pytest.raises(EngineError, match="nothing to resume"):
        rows(prompts, always)
    for resume in ("auto", "never"):
        sampled.clear()
        rows(prompts, cb.BatchGenerate(engine, journal=tmp_path, resume=resume, **OPTIONS))
        assert len(sampled) == 24


def test_journal_leaves_hash_and_pickle_as_stable_as_before(
    prompts: Dataset, engine: Engine, tmp_path: Path
):
    transform = cb.BatchGenerate(engine, journal=tmp_path / "a", **OPTIONS)
    before, size = Hasher.hash(transform), len(pickle.dumps(transform))
    list(transform.sample_ahead(prompts.iter(batch_size=4)))
    assert Hasher.hash(transform) == before
    assert len(pickle.dumps(transform)) == size
    copy = pickle.loads(pickle.dumps(transform))
    assert Hasher.hash(copy) == before
    assert copy.config()["journal"] == str(tmp_path / "a")
