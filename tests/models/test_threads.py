"""Torch's threads on a CPU: one for a small model, and the caller's as they were."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import torch

from cb_datasets.engines import GenerationRequest, SamplingParams
from cb_datasets.engines.transformers.engine import TransformersEngine
from cb_datasets.errors import EngineError
from cb_datasets.models import loading
from cb_datasets.models.threads import torch_threads

REQUESTS = [GenerationRequest(str(n), [0, 40, 50 + n], n) for n in range(8)]
SAMPLING = SamplingParams(max_new_tokens=4)
CALLERS = 3


@pytest.fixture(autouse=True)
def _callers_threads() -> Iterator[None]:
    # Set and never computed with: threads of OpenMP would not outlive the forks of other tests.
    before = torch.get_num_threads()
    torch.set_num_threads(CALLERS)
    yield
    torch.set_num_threads(before)


def threads_at_work(engine: TransformersEngine) -> int:
    """How many threads the model would compute with; it fails before it does."""
    at_work: list[int] = []

    def look(*_: object) -> None:
        at_work.append(torch.get_num_threads())
        raise RuntimeError("stopped")

    with engine._model.register_forward_pre_hook(look), pytest.raises(EngineError, match="stopped"):
        list(engine.generate(REQUESTS, SAMPLING))
    assert torch.get_num_threads() == CALLERS
    return at_work[0]


def test_a_small_model_computes_with_one_thread_unless_told_otherwise(model_folder: Path) -> None:
    assert threads_at_work(TransformersEngine(model_folder, device="cpu")) == 1
    assert threads_at_work(TransformersEngine(model_folder, device="cpu", threads=2)) == 2


def test_a_larger_model_computes_with_the_callers_threads(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "SMALL_MODEL_PARAMETERS", 10)
    assert threads_at_work(TransformersEngine(model_folder, device="cpu")) == CALLERS
    assert threads_at_work(TransformersEngine(model_folder, device="cpu", threads=1)) == 1


def test_the_caller_has_his_threads_between_samples_and_after_the_last(model_folder: Path) -> None:
    engine = TransformersEngine(model_folder, device="cpu", batch_size=2)
    seen = []
    for _ in engine.generate(REQUESTS, SAMPLING):
        seen.append(torch.get_num_threads())
    assert seen == [CALLERS] * len(REQUESTS)
    assert torch.get_num_threads() == CALLERS
    for _ in engine.generate(REQUESTS, SAMPLING):
        break
    assert torch.get_num_threads() == CALLERS


def test_engines_side_by_side_leave_the_callers_threads_to_all_that_come_later() -> None:
    inside, one_out = Barrier(2), Barrier(2)

    def work(last: bool) -> int:
        with torch_threads(1):
            inside.wait()
            if last:
                one_out.wait()
            seen = torch.get_num_threads()
        if not last:
            one_out.wait()
        return seen

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, [True, False])) == [1, 1]
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == CALLERS
    assert torch.get_num_threads() == CALLERS
