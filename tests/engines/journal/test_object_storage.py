"""A journal on object storage: killed, shared, and cut off in the middle."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from cb_datasets.engines import Generation, GenerationRequest, SamplingParams, in_order
from cb_datasets.engines.journal import journal as journal_module
from cb_datasets.engines.journal.journal import Journal
from cb_datasets.engines.journal.journaled import generate_journaled
from cb_datasets.errors import EngineError
from tests.engines.journal.counting_engine import CountingEngine
from tests.engines.journal.object_store import ObjectStore

SAMPLING = SamplingParams()
REQUESTS = [GenerationRequest(f"s{n}#sample0", [0, n, n + 1], seed=n) for n in range(400)]
EXPECTED = in_order(REQUESTS, CountingEngine().generate(REQUESTS, SAMPLING))

WRITE = """
import os, sys, time
from tests.engines.journal.counting_engine import CountingEngine
from cb_datasets.engines import GenerationRequest, SamplingParams
from cb_datasets.engines.journal import journal
from cb_datasets.engines.journal.journaled import generate_journaled
journal.REMOTE_SYNC_SECONDS, journal.REFRESH_SECONDS = 0.02, 0.02
requests = [GenerationRequest(f"s{n}#sample0", [0, n, n + 1], seed=n) for n in range(400)]
if sys.argv[2] == "backwards":
    requests.reverse()
with journal.Journal(sys.argv[1]) as kept:
    for g in generate_journaled(CountingEngine(), requests, SamplingParams(), kept):
        os.write(1, g.key.encode() + b"\\n")
        time.sleep(0.001)
"""


def writer(store: ObjectStore, url: str, order: str = "forwards") -> subprocess.Popen[bytes]:
    path = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONWARNINGS": "error::UserWarning"}
    return subprocess.Popen(
        [sys.executable, "-c", WRITE, url, order],
        stdout=subprocess.PIPE,
        env={**os.environ, **store.environment, **path},
    )


def resumed(url: str) -> tuple[list[Generation], int]:
    """All samples in their order, and how many of them had to be made."""
    engine = CountingEngine()
    with Journal(url) as journal, warnings.catch_warnings():
        warnings.simplefilter("error")
        made = in_order(REQUESTS, generate_journaled(engine, REQUESTS, SAMPLING, journal))
    return made, len(engine.made)


def test_killed_at_any_moment_it_goes_on_from_what_was_written(object_store: ObjectStore) -> None:
    url, rng = object_store.new_url(), random.Random(0)
    kept = 0
    for lines in (1, 60, *(rng.randrange(100, 300) for _ in range(2))):
        process = writer(object_store, url)
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
        # An object is there as a whole or not at all: no record is torn, none is lost again.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            before, kept = kept, len(Journal(url))
        assert kept >= before
    assert 0 < kept < len(REQUESTS)
    assert resumed(url) == (EXPECTED, len(REQUESTS) - kept)
    assert resumed(url) == (EXPECTED, 0)


def test_two_writers_at_once_neither_lose_nor_make_all_twice(object_store: ObjectStore) -> None:
    url = object_store.new_url()
    writers = [writer(object_store, url, order) for order in ("forwards", "backwards")]
    out = [process.communicate()[0] for process in writers]
    assert [process.returncode for process in writers] == [0, 0]
    assert all(sorted(told.split()) == sorted(r.key.encode() for r in REQUESTS) for told in out)
    assert resumed(url) == (EXPECTED, 0)


def test_cut_off_in_the_middle_it_goes_on_when_the_connection_is_back(
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "REMOTE_SYNC_SECONDS", 0.01)
    monkeypatch.setattr(journal_module, "REFRESH_SECONDS", 0.0)
    monkeypatch.setattr(journal_module, "SYNC_ATTEMPTS", 10**6)
    url, engine = object_store.new_url(), CountingEngine()
    journal = Journal(url)

    def stream() -> Iterator[GenerationRequest]:
        for number, request in enumerate(REQUESTS[:60]):
            if number == 20:
                journal.flush()
                object_store.cut_off()
            if number == 40:
                object_store.connect()
            yield request

    with journal:
        made = in_order(REQUESTS[:60], generate_journaled(engine, stream(), SAMPLING, journal))
    assert made == EXPECTED[:60]
    assert len(Journal(url)) == len(engine.made) == 60


def test_cut_off_for_good_it_says_so_and_keeps_what_was_written(
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "REMOTE_SYNC_SECONDS", 0.01)
    monkeypatch.setattr(journal_module, "SYNC_ATTEMPTS", 2)
    url, given = object_store.new_url(), list[Generation]()

    def stream() -> Iterator[GenerationRequest]:
        for number, request in enumerate(REQUESTS):
            if number == 20:
                journal.flush()
                object_store.cut_off()
            if number > 20:
                time.sleep(0.02)
            yield request

    journal = Journal(url)
    try:
        with pytest.raises(EngineError, match=f"^The journal {url} cannot be written .*onnect"):
            given += generate_journaled(CountingEngine(), stream(), SAMPLING, journal)
        for use in (Journal(url).open, lambda: Journal(url).get("a"), journal.refresh):
            with pytest.raises(EngineError, match=f"^The journal {url} cannot be (opened|read) "):
                use()
        # What waits in it is lost with its process; here that goes on.
        with pytest.raises(EngineError, match="cannot be written"):
            journal.close()
    finally:
        object_store.connect()
    kept = len(Journal(url))
    assert 20 <= kept <= len(given) < len(REQUESTS)
    assert resumed(url) == (EXPECTED, len(REQUESTS) - kept)


def test_where_nothing_may_be_deleted_small_objects_stay_and_nothing_else_is_wrong(
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = object_store.new_url()
    with Journal(url) as journal:

        def denied(paths: list[str]) -> None:
            raise PermissionError("Access Denied")

        monkeypatch.setattr(journal._fs, "rm", denied)
        for number, generation in enumerate(EXPECTED[:100]):
            journal.add(f"sample{number}", generation)
            journal.flush()
    assert len(Journal(url)) == 100


@pytest.mark.parametrize("missing", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_storage_that_knows_nobody_is_one_sentence(
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch, missing: str, tmp_path: Path
) -> None:
    monkeypatch.delenv(missing)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    url = object_store.new_url()
    with pytest.raises(EngineError, match=f"^The journal {url} cannot be ") as caught:
        resumed(url)
    assert "\n" not in str(caught.value)
