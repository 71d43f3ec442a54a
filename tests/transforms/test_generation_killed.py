"""Generation that is killed again and again ends with the rows of one that was let be.

`CB_DATASETS_KILLS` says how often each engine is killed (2, unless it is set).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import multiprocessing
import os
import random
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import torch

import cb_datasets as cb
from cb_datasets.engines import GenerationRequest, SamplingParams
from tests.engines.journal.kept_records import kept_records

pytestmark = pytest.mark.long

KILLS = int(os.environ.get("CB_DATASETS_KILLS", "2"))

# Few at a time, so that little is under way at any moment.
OPTIONS: dict[str, dict[str, Any]] = {
    "transformers": {"batch_size": 4},
    "vllm": {"max_num_seqs": 16},
}
UNDER_WAY = {"transformers": 4 * 16, "vllm": 2 * 16}
"""Samples that each engine has begun and not finished, at most: a window; running and waiting."""

BEGIN = {"transformers": "forkserver", "vllm": "spawn"}
"""How a process begins: with what takes longest imported already, or, for vLLM, from nothing."""
IMPORTED = ["cb_datasets.engines.transformers.engine", "datasets", "transformers.models.llama"]


def sampled(backend: str, journal: Path | None, said: Connection) -> None:
    """Sample a part of the demo suite and say what is done: what `generate` runs in a process."""
    engine = cb.load_engine(backend, **OPTIONS[backend])
    whole = engine.generate

    def told(requests: Iterable[GenerationRequest], sampling: SamplingParams) -> Any:
        def taken() -> Iterator[GenerationRequest]:
            for request in requests:
                said.send(("taken", request.key))
                yield request

        return whole(taken(), sampling)

    engine.generate = told  # type: ignore[method-assign]
    # Every twentieth scenario of the demo suite, all kinds of them.
    scenarios = cb.load_source("demo")
    scenarios = scenarios.select(range(0, len(scenarios), 20))
    prompts = scenarios[:] | cb.FormatPrompt(engine.tokenizer)(scenarios[:])
    generate = cb.BatchGenerate(
        engine, num_samples=3, temperature=1.0, timestamp="2026", journal=journal
    )
    if journal is not None:
        for generation in generate.sample_ahead([prompts]):
            said.send(("made", generation.key))
    rows = json.dumps(generate(prompts), default=list, sort_keys=True)
    said.send(("rows", hashlib.sha256(rows.encode()).hexdigest()))


@dataclass
class Life:
    """What a process said until it ended or was killed."""

    status: int = 0
    taken: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    rows: str = ""


def generate(backend: str, journal: Path | None, kill_after: int | None = None) -> Life:
    """A life that is ended after so many samples."""
    context = multiprocessing.get_context(BEGIN[backend])
    context.set_forkserver_preload(IMPORTED)
    heard, said = context.Pipe(duplex=False)
    process = context.Process(target=sampled, args=(backend, journal, said))
    process.start()
    said.close()
    life = Life()
    with contextlib.suppress(EOFError):
        while True:
            what, key = heard.recv()
            if what == "taken":
                # Not twice in one life either.
                assert key not in life.taken
                life.taken.add(key)
            elif what == "made":
                life.made.add(key)
                if len(life.made) == kill_after:
                    process.kill()
            elif what == "rows":
                life.rows = key
    process.join()
    assert process.exitcode is not None
    life.status = process.exitcode
    return life


def kept(journal: Path) -> list[str]:
    """The keys of all whole records."""
    return [record["key"] for record in kept_records(journal)]


@pytest.mark.parametrize("backend", ["transformers", "vllm"])
def test_killed_at_random_moments_it_ends_with_the_same_rows(backend: str, tmp_path: Path) -> None:
    if backend == "vllm" and (
        importlib.util.find_spec("vllm") is None or torch.cuda.is_available()
    ):
        pytest.skip("vllm is not installed for this machine's CPU")
    journal = tmp_path / "journal"
    whole = generate(backend, None)
    assert whole.status == 0
    status = -1
    rng, kills, runs = random.Random(0), 0, 0
    while kills < KILLS or status != 0:
        # What is in the journal comes out early, so that each life gets a little further.
        before = set(kept(journal)) if journal.exists() else set[str]()
        kill_after = len(before) + rng.randint(1, 12) if kills < KILLS else None
        life = generate(backend, journal, kill_after)
        status = life.status
        assert status in (0, -signal.SIGKILL)
        keys = kept(journal)
        # What was reported is there, and there once; nothing that is there is made again.
        assert life.made <= set(keys)
        assert len(keys) == len(set(keys))
        assert not life.taken & before
        # So that no more than what was under way has to be repeated.
        assert len(life.taken - set(keys)) <= UNDER_WAY[backend]
        kills += status != 0
        if status == 0:
            assert life.rows == whole.rows
            assert whole.taken == set(keys)
            runs += 1
            # There are kills left over: the same again.
            journal = tmp_path / f"journal-{runs}"
    assert runs
