"""A build spread over Ray workers has the rows of one machine, also when a worker is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from datasets import Dataset

import cb_datasets as cb
from cb_datasets.engines.ray.engine import RayEngine
from cb_datasets.records import SET_RECORDS
from cb_datasets.sets import Sets
from tests.engines.ray.processes import processes

pytestmark = pytest.mark.long

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def scenarios() -> Dataset:
    return cb.load_source("demo").select(range(0, 596, 15))


@pytest.fixture(scope="module")
def on_one_machine(scenarios: Dataset) -> Sets:
    return cb.build_sets(scenarios, cb.load_engine(), num_samples=2)


@pytest.fixture
def spread() -> Iterator[RayEngine]:
    with closing(RayEngine(cb.load_engine(batch_size=4), workers=2)) as engine:
        yield engine


def assert_same_rows(made: Sets, wanted: Sets) -> None:
    for name in SET_RECORDS:
        assert getattr(made, name).to_list() == getattr(wanted, name).to_list()


def test_one_worker_gives_the_rows_of_one_machine(
    scenarios: Dataset, on_one_machine: Sets, tmp_path: Path
) -> None:
    with closing(RayEngine(cb.load_engine(), workers=1)) as engine:
        made = cb.build_sets(scenarios, engine, num_samples=2, journal=tmp_path)
    assert_same_rows(made, on_one_machine)


def test_two_workers_of_which_one_is_killed_give_them_too(
    scenarios: Dataset, on_one_machine: Sets, spread: RayEngine, tmp_path: Path
) -> None:
    spread.fingerprint()
    before = processes(spread)
    killed: list[int] = []

    def kill_one(scenarios_done: int) -> None:
        if not killed:
            killed.append(before[0])
            os.kill(before[0], signal.SIGKILL)

    made = cb.build_sets(scenarios, spread, num_samples=2, journal=tmp_path, progress=kill_one)
    assert_same_rows(made, on_one_machine)
    assert killed
    now = processes(spread)
    assert len(now) == 2
    assert before[0] not in now
    assert before[1] in now
