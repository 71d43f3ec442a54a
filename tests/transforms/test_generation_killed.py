"""Generation that is killed again and again ends with the rows of one that was let be.

`CB_DATASETS_KILLS` says how often each engine is killed (2, unless it is set).
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from tests.engines.journal.kept_records import kept_records

pytestmark = pytest.mark.long

KILLS = int(os.environ.get("CB_DATASETS_KILLS", "2"))

# Few at a time, so that little is under way at any moment.
OPTIONS = {"transformers": {"batch_size": 4}, "vllm": {"max_num_seqs": 16}}
UNDER_WAY = {"transformers": 4 * 16, "vllm": 2 * 16}
"""Samples that each engine has begun and not finished, at most: a window; running and waiting."""

GENERATE = """
import hashlib, json, os, sys
import cb_datasets as cb
backend, options, journal = sys.argv[1:4]

def told(generate):
    def wrapped(requests, sampling):
        def taken():
            for request in requests:
                os.write(1, b"taken " + request.key.encode() + b"\\n")
                yield request
        return generate(taken(), sampling)
    return wrapped

if __name__ == "__main__":
    engine = cb.load_engine(backend, **json.loads(options))
    engine.generate = told(engine.generate)
    # Every twentieth scenario of the demo suite, all kinds of them.
    scenarios = cb.load_source("demo")
    scenarios = scenarios.select(range(0, len(scenarios), 20))
    prompts = scenarios[:] | cb.FormatPrompt(engine.tokenizer)(scenarios[:])
    generate = cb.BatchGenerate(
        engine, num_samples=3, temperature=1.0, timestamp="2026", journal=journal or None
    )
    if journal:
        for generation in generate.sample_ahead([prompts]):
            os.write(1, b"made " + generation.key.encode() + b"\\n")
    rows = json.dumps(generate(prompts), default=list, sort_keys=True)
    os.write(1, b"rows " + hashlib.sha256(rows.encode()).hexdigest().encode() + b"\\n")
"""


@dataclass
class Life:
    """What a process said until it ended or was killed."""

    status: int = 0
    taken: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    rows: str = ""


def generate(
    script: Path, backend: str, journal: Path | None, kill_after: int | None = None
) -> Life:
    """A life that is ended after so many samples."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen(
        [sys.executable, str(script), backend, json.dumps(OPTIONS[backend]), str(journal or "")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    assert process.stdout is not None
    life = Life()
    for line in process.stdout:
        what, _, key = line.decode().strip().partition(" ")
        if what == "taken":
            # Not twice in one life either.
            assert key not in life.taken
            life.taken.add(key)
        elif what == "made":
            life.made.add(key)
            if len(life.made) == kill_after:
                process.send_signal(signal.SIGKILL)
        elif what == "rows":
            life.rows = key
    life.status = process.wait()
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
    script, journal = tmp_path / "generate.py", tmp_path / "journal"
    script.write_text(GENERATE)
    whole = generate(script, backend, None)
    assert whole.status == 0
    status = -1
    rng, kills, runs = random.Random(0), 0, 0
    while kills < KILLS or status != 0:
        # What is in the journal comes out early, so that each life gets a little further.
        before = set(kept(journal)) if journal.exists() else set[str]()
        kill_after = len(before) + rng.randint(1, 12) if kills < KILLS else None
        life = generate(script, backend, journal, kill_after)
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
