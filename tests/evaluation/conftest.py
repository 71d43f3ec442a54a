"""The demo eval set, built once with the tiny agent, and an engine that says what it is told."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

import cb_datasets as cb
from cb_datasets.engines import Engine, Generation, GenerationRequest, SamplingParams
from cb_datasets.formats.completion_ids import completion_token_ids
from cb_datasets.schema import exact_rows
from cb_datasets.sets import Sets

Row = dict[str, Any]
Say = Callable[[Row, int], "str | Generation"]


class ToldEngine:
    """An engine that says what it is told for each row and sample."""

    name, model, revision = "told", "a-told-model", "sha256:0"

    def __init__(
        self, rows: Sequence[Mapping[str, Any]], say: Say, tokenizer: PreTrainedTokenizerBase
    ) -> None:
        self._rows = {row["id"]: dict(row) for row in rows}
        self._say = say
        self.tokenizer = tokenizer
        self.requests: list[GenerationRequest] = []

    def fingerprint(self) -> str:
        return "told"

    def generate(
        self, requests: Sequence[GenerationRequest], sampling: SamplingParams
    ) -> Iterator[Generation]:
        for request in requests:
            self.requests.append(request)
            name, _, sample = request.key.rpartition("#sample")
            said = self._say(self._rows[name], int(sample))
            if isinstance(said, str):
                ids = completion_token_ids(said, self.tokenizer)
                said = Generation(request.key, ids, said, "stop")
            yield said

    def close(self) -> None:
        pass


@pytest.fixture(scope="session")
def sets(agent: Engine, demo: Dataset, demo_samples: Path) -> Sets:
    """Ds, Dr and eval of the demo suite, one sample a scenario."""
    return cb.build_sets(demo, agent, num_samples=1, journal=demo_samples)


@pytest.fixture(scope="session")
def demo_rows(sets: Sets) -> list[Row]:
    return list(exact_rows(sets.eval))


@pytest.fixture
def rows(demo_rows: list[Row]) -> list[Row]:
    """Two rows of each kind and prefill, of as many groups as there are."""
    found: dict[tuple[str, str | None], list[Row]] = {}
    for row in demo_rows:
        mine = found.setdefault((row["kind"], row["prefill_kind"]), [])
        if len(mine) < 2 and row["group"] not in {one["group"] for one in mine}:
            mine.append(row)
    return copy.deepcopy([row for some in found.values() for row in some])


@pytest.fixture
def told(agent: Engine) -> Callable[[Sequence[Row], Say], ToldEngine]:
    return lambda rows, say: ToldEngine(rows, say, agent.tokenizer)
