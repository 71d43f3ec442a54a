"""vLLM under Ray, for real, on this machine's CPU: what two copies give, and one that is killed."""

from __future__ import annotations

import importlib.util
import os
import random
import signal
from collections.abc import Iterator
from contextlib import closing
from itertools import islice

import pytest
import torch

from cb_datasets.engines import Generation, GenerationRequest, SamplingParams, in_order
from cb_datasets.engines.ray.engine import RayEngine
from cb_datasets.engines.vllm.engine import VLLMEngine
from tests.engines.ray.processes import processes

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("vllm") is None,
        reason="vllm is not installed (users: the vllm extra; CI: .ci/requirements-vllm.txt)",
    ),
    pytest.mark.skipif(torch.cuda.is_available(), reason="these tests run vLLM on the CPU"),
]

ray = pytest.importorskip("ray")

SAMPLING = SamplingParams(temperature=0.9, max_new_tokens=24)


@pytest.fixture(scope="module")
def engine() -> Iterator[VLLMEngine]:
    made = VLLMEngine(max_num_seqs=8)
    yield made
    made.close()


@pytest.fixture(scope="module")
def requests() -> list[GenerationRequest]:
    rng = random.Random(0)
    prompts = [[0, *rng.choices(range(20, 2000), k=rng.randint(3, 60))] for _ in range(40)]
    return [GenerationRequest(str(n), ids, seed=n) for n, ids in enumerate(prompts * 4)]


@pytest.fixture(scope="module")
def expected(engine: VLLMEngine, requests: list[GenerationRequest]) -> list[Generation]:
    return in_order(requests, engine.generate(requests, SAMPLING))


@pytest.fixture(scope="module")
def spread(engine: VLLMEngine) -> Iterator[RayEngine]:
    with closing(RayEngine(engine, workers=2)) as made:
        yield made


def test_two_copies_give_the_samples_of_one(
    spread: RayEngine, engine: VLLMEngine, requests: list[GenerationRequest], expected: object
) -> None:
    assert in_order(requests, spread.generate(requests, SAMPLING)) == expected
    assert spread.fingerprint() == engine.fingerprint()
    assert len(set(processes(spread))) == 2


def test_a_killed_copy_costs_no_sample_and_changes_none(
    spread: RayEngine, requests: list[GenerationRequest], expected: object
) -> None:
    before = processes(spread)
    stream = spread.generate(requests, SAMPLING)
    first = list(islice(stream, 3))
    os.kill(before[0], signal.SIGKILL)
    assert in_order(requests, [*first, *stream]) == expected
    after = processes(spread)
    assert before[0] not in after
    assert before[1] in after
