"""Several workers under Ray give what one engine gives, also when one of them is killed."""

from __future__ import annotations

import os
import pickle
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest
from datasets import Dataset
from datasets.fingerprint import Hasher

import cb_datasets as cb
from cb_datasets.engines import (
    Generation,
    GenerationRequest,
    SamplingParams,
    in_order,
    specification,
)
from cb_datasets.engines.journal.journal import Journal
from cb_datasets.engines.journal.journaled import generate_journaled
from cb_datasets.engines.ray.engine import RayEngine
from cb_datasets.engines.transformers.engine import TransformersEngine
from cb_datasets.errors import EngineError
from cb_datasets.extras import install_command
from tests.engines.journal.counting_engine import CountingEngine
from tests.engines.ray.dying_engine import DyingEngine
from tests.engines.ray.processes import processes

pytestmark = pytest.mark.long

ray = pytest.importorskip("ray")

SAMPLING = SamplingParams(max_new_tokens=24)


@pytest.fixture(scope="module", autouse=True)
def _engines_of_the_tests() -> Iterator[None]:
    """Have workers find them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
        yield


NEIGHBOUR = """
import ray
ray.init(address="local", num_cpus=1, include_dashboard=False, object_store_memory=2**27)
print(ray.get_runtime_context().gcs_address, flush=True)
input()
"""


@pytest.fixture(scope="module")
def neighbour() -> Iterator[str]:
    """The address of a cluster that another process has made for itself."""
    command = [sys.executable, "-c", NEIGHBOUR]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as own:
        assert own.stdout is not None
        yield own.stdout.readline().strip()
        own.communicate("\n")


@pytest.fixture(scope="module")
def two_workers(neighbour: str, engine: TransformersEngine) -> Iterator[RayEngine]:
    spread = RayEngine(engine, workers=2)
    spread.fingerprint()
    yield spread
    spread.close()
    assert not ray.is_initialized()


@pytest.fixture(scope="module")
def requests(make_requests: Callable[[int], list[GenerationRequest]]) -> list[GenerationRequest]:
    return make_requests(300)


@pytest.fixture(scope="module")
def expected(engine: TransformersEngine, requests: list[GenerationRequest]) -> list[Generation]:
    return in_order(requests, engine.generate(requests, SAMPLING))


def test_a_cluster_that_is_somebodys_own_is_not_joined(
    neighbour: str, two_workers: RayEngine
) -> None:
    assert neighbour
    assert ray.get_runtime_context().gcs_address != neighbour


def test_two_workers_give_the_samples_of_the_engine_and_both_work(
    two_workers: RayEngine,
    engine: TransformersEngine,
    requests: list[GenerationRequest],
    expected: list[Generation],
) -> None:
    assert in_order(requests, two_workers.generate(requests, SAMPLING)) == expected
    assert len(set(processes(two_workers))) == 2
    assert two_workers.fingerprint() == engine.fingerprint()
    assert (two_workers.name, two_workers.model) == (engine.name, engine.model)


def test_a_killed_worker_is_replaced_and_no_sample_is_lost_or_changed(
    two_workers: RayEngine, requests: list[GenerationRequest], expected: list[Generation]
) -> None:
    before = processes(two_workers)
    stream = two_workers.generate(requests, SAMPLING)
    first = list(islice(stream, 3))
    os.kill(before[0], signal.SIGKILL)
    assert in_order(requests, [*first, *stream]) == expected
    after = processes(two_workers)
    assert len(after) == 2
    assert before[0] not in after
    assert before[1] in after


def test_a_broken_off_call_leaves_nothing_to_the_next(
    two_workers: RayEngine, requests: list[GenerationRequest], expected: list[Generation]
) -> None:
    other = SamplingParams(max_new_tokens=24, temperature=0)
    stream = two_workers.generate(requests, other)
    next(stream)
    stream.close()
    assert in_order(requests, two_workers.generate(requests, SAMPLING)) == expected


def test_pools_of_processes_end_while_ray_is_there(two_workers: RayEngine) -> None:
    assert ray.is_initialized()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    doubled = Dataset.from_dict({"n": [1, 2]}).map(lambda row: {"n": 2 * row["n"]}, num_proc=2)
    assert doubled["n"][:] == [2, 4]


def test_the_journal_of_one_machine_is_that_of_many(
    two_workers: RayEngine,
    engine: TransformersEngine,
    requests: list[GenerationRequest],
    expected: list[Generation],
    tmp_path: Path,
) -> None:
    with Journal(tmp_path) as journal:
        half = generate_journaled(engine, requests[::2], SAMPLING, journal)
        assert in_order(requests[::2], half) == expected[::2]
        made = generate_journaled(two_workers, requests, SAMPLING, journal)
        assert in_order(requests, made) == expected
        assert len(journal) == len(requests)


def test_what_cannot_be_served_and_what_cannot_start_say_so(
    two_workers: RayEngine, own_folder: Path
) -> None:
    request = GenerationRequest("long", [0] * 200, 0)
    (failed,) = two_workers.generate([request], SAMPLING)
    assert "no room in the model's context" in str(failed.error)
    broken = RayEngine(TransformersEngine(own_folder, device="cpu"), workers=1)
    broken.fingerprint()
    (own_folder / "model.safetensors").write_bytes(b"no weights")
    with (
        closing(broken),
        pytest.raises(EngineError, match="The model folder 'my-llama' has changed since"),
    ):
        list(broken.generate([GenerationRequest("a", [0, 40], 0)], SAMPLING))
    # Whoever closes leaves the others their cluster.
    assert ray.is_initialized()


def test_a_node_with_other_code_is_refused(
    two_workers: RayEngine, engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(specification, "engine_code", lambda wing: "999")
    with pytest.raises(EngineError, match=r"pickled by other code \(version 999\)"):
        RayEngine(engine, workers=1).fingerprint()


def test_workers_that_keep_dying_end_it_in_a_sentence(two_workers: RayEngine) -> None:
    assert ray.is_initialized()
    dies = RayEngine(DyingEngine(), workers=1)
    with (
        closing(dies),
        pytest.raises(EngineError, match="3 Ray workers have died without a finished sample"),
    ):
        list(dies.generate([GenerationRequest("a", [0, 40], 0)], SAMPLING))


def test_a_cluster_that_runs_is_joined_and_left_running(
    requests: list[GenerationRequest], two_workers: RayEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray.cluster_utils import Cluster

    two_workers.close()
    engine = CountingEngine()
    expected = in_order(requests, engine.generate(requests, SAMPLING))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
        # None asked for: one a node.
        spread = RayEngine(engine)
        with closing(spread):
            assert in_order(requests, spread.generate(requests, SAMPLING)) == expected
            assert len(set(processes(spread))) == 2
            parents = {
                Path(f"/proc/{pid}/stat").read_text().split()[3] for pid in processes(spread)
            }
            assert len(parents) == 2
        assert not ray.is_initialized()
        ray.init(address=cluster.address)
        ray.shutdown()
    finally:
        cluster.shutdown()
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    with pytest.raises(EngineError, match=r"no Ray cluster at RAY_ADDRESS=127\.0\.0\.1:9"):
        RayEngine(engine, workers=1).fingerprint()


def test_it_pickles_as_the_engine_and_two_numbers(engine: TransformersEngine) -> None:
    spread = RayEngine(engine, workers=3)
    copy = pickle.loads(pickle.dumps(spread))
    assert Hasher.hash(copy) == Hasher.hash(spread)
    assert copy._workers == 3
    assert "_actors" not in copy.__dict__


def test_options_that_mean_nothing_are_refused(model_folder: Path) -> None:
    for options, sentence in (
        ({"workers": 2}, "workers and gpus_per_worker need distributed='ray'"),
        ({"distributed": "slurm"}, "distributed is 'slurm'"),
        ({"distributed": "ray", "workers": 0}, "workers is 0"),
    ):
        with pytest.raises(EngineError, match=sentence):
            cb.load_engine("transformers", str(model_folder), **options)


def test_without_ray_the_extra_is_named(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineError, match=re.escape(install_command("ray"))):
        RayEngine(engine)
