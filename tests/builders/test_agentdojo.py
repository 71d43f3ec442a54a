"""The builders on AgentDojo's traces: what `build_sets` gives, in less than its parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

import cb_datasets as cb
from cb_datasets.builders import CircuitBreakerEval, CircuitBreakerSet, RetainSet


@pytest.fixture(scope="module")
def two_files(upstream: Path) -> list[Path]:
    """Two models' traces of the same tasks, so that groups lie in both."""
    return sorted((upstream / "agentdojo").glob("*gpt-4o*.jsonl*"))[:2]


@pytest.fixture(scope="module")
def sets(two_files: list[Path], llama_folder: Path) -> cb.sets.Sets:
    scenarios = cb.load_source("agentdojo", two_files)
    return cb.build_sets(scenarios, tokenizer=str(llama_folder))


@pytest.mark.parametrize("kind", [CircuitBreakerSet, RetainSet, CircuitBreakerEval])
def test_traces_give_the_rows_of_build_sets_with_two_processes(
    kind: Any,
    two_files: list[Path],
    sets: cb.sets.Sets,
    llama_folder: Path,
    bare_rows: Callable[[Dataset], list[dict[str, Any]]],
    tmp_path: Path,
):
    builder = kind(tmp_path, "agentdojo", data_files=two_files, tokenizer=str(llama_folder))
    builder.download_and_prepare(num_proc=2)
    rows = builder.as_dataset(split=kind.SPLIT)
    expected = getattr(sets, kind.SET)
    assert len(expected) > 20
    assert rows.features == expected.features
    assert bare_rows(rows) == bare_rows(expected)
