"""A journal gives back what was finished and nothing else, whatever happened in between."""

from __future__ import annotations

import json
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import uuid
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pytest

from cb_datasets.engines import Generation, GenerationRequest, SamplingParams, in_order
from cb_datasets.engines.journal import journal as journal_module
from cb_datasets.engines.journal.journal import Journal
from cb_datasets.engines.journal.journaled import generate_journaled, made_by, sample_id
from cb_datasets.engines.journal.part import SMALL_PARTS, ObjectParts, line_of, payload_of
from cb_datasets.errors import EngineError
from tests.engines.journal.counting_engine import CountingEngine
from tests.engines.journal.kept_records import kept_records
from tests.engines.journal.object_store import ObjectStore

SAMPLING = SamplingParams()
REQUESTS = [GenerationRequest(f"s{n}#sample0", [0, n, n + 1], seed=n) for n in range(40)]
EXPECTED = in_order(REQUESTS, CountingEngine().generate(REQUESTS, SAMPLING))


@pytest.fixture(params=["folder", "memory", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "journal")
    if request.param == "s3":
        store: ObjectStore = request.getfixturevalue("object_store")
        return store.new_url()
    return f"memory://journal-{uuid.uuid4().hex}"


def run(
    url: str,
    requests: list[GenerationRequest] = REQUESTS,
    sampling: SamplingParams = SAMPLING,
    engine: CountingEngine | None = None,
    **options: Any,
) -> tuple[list[Generation], int]:
    """Generations in the order of the requests, and how many had to be made."""
    engine = engine or CountingEngine()
    with Journal(url, **options) as journal:
        finished = in_order(requests, generate_journaled(engine, requests, sampling, journal))
    return finished, len(engine.made)


def parts(url: str) -> dict[str, bytes]:
    fs, root = fsspec.core.url_to_fs(url)
    return {path: fs.cat_file(path) for path in sorted(fs.ls(root, detail=False))}


def records(url: str) -> list[dict[str, Any]]:
    lines = [line for part in parts(url).values() for line in part.splitlines()[1:]]
    return [json.loads(payload_of(line) or b"") for line in lines]


def test_a_finished_run_is_read_and_not_made_again(url: str) -> None:
    assert run(url) == (EXPECTED, 40)
    assert run(url) == (EXPECTED, 0)
    assert len(records(url)) == 40


def test_an_interrupted_run_goes_on_where_it_stopped(url: str) -> None:
    journal = Journal(url)
    for _, generation in zip(
        range(15), generate_journaled(CountingEngine(), REQUESTS, SAMPLING, journal), strict=False
    ):
        assert generation in EXPECTED
    journal.close()
    assert run(url) == (EXPECTED, 25)
    assert len(records(url)) == 40


@pytest.mark.parametrize(
    "changed",
    [
        {"temperature": 0.8},
        {"top_p": 0.9},
        {"top_k": 5},
        {"max_new_tokens": 9},
        {"logprob": True},
    ],
)
def test_each_sampling_option_keeps_samples_of_its_own(tmp_path: Path, changed: dict[str, Any]):
    url = str(tmp_path)
    run(url)
    other = replace(SAMPLING, **changed)
    finished, made = run(url, sampling=other)
    assert made == 40
    assert finished == in_order(REQUESTS, CountingEngine().generate(REQUESTS, other))
    assert run(url) == (EXPECTED, 0)


@pytest.mark.parametrize(
    "changed",
    [
        {"prompt_token_ids": [0, 7]},
        {"prefill_token_ids": [9]},
        {"seed": 1000},
        {"template_hash": "another"},
    ],
)
def test_prompt_prefill_seed_and_template_keep_samples_of_their_own(
    tmp_path: Path, changed: dict[str, Any]
):
    request = replace(REQUESTS[3], **changed)
    run(str(tmp_path))
    assert run(str(tmp_path), [request])[1] == 1
    # The boundary between prompt and prefill counts, too.
    split = GenerationRequest("s3#sample0", [0, 3], 3, prefill_token_ids=[4])
    assert run(str(tmp_path), [split])[1] == 1


def test_weights_adapter_model_and_revision_keep_samples_of_their_own(tmp_path: Path) -> None:
    run(str(tmp_path))
    assert run(str(tmp_path), engine=CountingEngine("another adapter"))[1] == 40
    for name in ("model", "revision"):
        other = CountingEngine()
        setattr(other, name, "another")
        assert run(str(tmp_path), engine=other)[1] == 40


def test_a_sample_is_found_under_another_key(tmp_path: Path) -> None:
    run(str(tmp_path))
    renamed = [replace(request, key=f"new-{request.key}") for request in REQUESTS]
    finished, made = run(str(tmp_path), renamed)
    assert made == 0
    assert [replace(g, key=g.key.removeprefix("new-")) for g in finished] == EXPECTED


def test_errors_are_given_but_not_kept(url: str) -> None:
    finished, _ = run(url, engine=CountingEngine(failing=["s5#sample0", "s6#sample0"]))
    assert [g.key for g in finished if g.finish_reason == "error"] == ["s5#sample0", "s6#sample0"]
    assert run(url) == (EXPECTED, 2)


def test_a_torn_last_record_is_dropped_named_and_made_again(tmp_path: Path) -> None:
    run(str(tmp_path))
    (part,) = parts(str(tmp_path))
    whole = Path(part).read_bytes()
    last = len(whole.splitlines(keepends=True)[-1])
    for cut in (1, 2, last // 2, last - 1):
        Path(part).write_bytes(whole[:-cut])
        with pytest.warns(UserWarning, match=f"{Path(part).name} has a torn record at byte"):
            assert len(Journal(tmp_path)) == 39
    with pytest.warns(UserWarning, match="torn record"):
        assert run(str(tmp_path)) == (EXPECTED, 1)
    # The part of the dead process is left as it is; the sample stands in one of our own.
    assert Path(part).read_bytes() == whole[: -(last - 1)]


def test_a_record_damaged_in_the_middle_is_dropped_named_and_made_again(tmp_path: Path) -> None:
    run(str(tmp_path))
    (part,) = parts(str(tmp_path))
    lines = Path(part).read_bytes().splitlines(keepends=True)
    lines[20] = lines[20].replace(b'"stop"', b'"step"')
    Path(part).write_bytes(b"".join(lines))
    with pytest.warns(UserWarning, match="torn record at byte"):
        assert run(str(tmp_path)) == (EXPECTED, 1)


@pytest.mark.parametrize("written", [b"", b"0123"])
def test_a_process_that_died_before_its_first_record_is_no_obstacle(
    tmp_path: Path, written: bytes
) -> None:
    (tmp_path / "part-1-dead.journal").write_bytes(written)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert run(str(tmp_path)) == (EXPECTED, 40)


@pytest.mark.parametrize("torn", [b"", b'1a2b3c4d {"id":"half of a sa'])
def test_two_parts_made_one_by_hand_are_read_as_two(tmp_path: Path, torn: bytes) -> None:
    run(str(tmp_path), REQUESTS[:10])
    run(str(tmp_path), REQUESTS)
    first, second = sorted(tmp_path.glob("part-*"))
    first.write_bytes(first.read_bytes() + torn + second.read_bytes())
    second.unlink()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert run(str(tmp_path)) == (EXPECTED, 0)
    assert len(told) == (1 if torn else 0)
    # The other way round, and once more.
    first.write_bytes(first.read_bytes() + first.read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert run(str(tmp_path)) == (EXPECTED, 0)


@pytest.mark.parametrize(
    "text",
    [
        b"7",
        b"[]",
        b"{}",
        b'{"id":7}',
        b'{"id":"a"}',
        b'{"id":"a","key":"a","finish":"stop","ids":"none","text":"","logprob":null}',
        b'{"id":"a","key":"a","finish":"stop","ids":[1.5],"text":"","logprob":null}',
        b'{"id":"a","key":"a","finish":"error","ids":[],"text":"","logprob":null}',
        b'{"id":"a","key":"a","finish":"stop","ids":[],"text":"","logprob":"-1"}',
        b'{"id":"a","key":"a","finish":"stop","ids":[],"text":""}',
        b'{"id":"\xff"}',
        b"[" * 100_000 + b"]" * 100_000,
    ],
    ids=lambda text: text[:40].decode("ascii", "replace"),
)
def test_a_whole_line_that_is_no_sample_is_dropped_and_named(tmp_path: Path, text: bytes) -> None:
    run(str(tmp_path), REQUESTS[:20])
    (part,) = tmp_path.glob("part-*")
    lines = part.read_bytes().splitlines(keepends=True)
    at = sum(map(len, lines[:5]))
    part.write_bytes(b"".join([*lines[:5], b"%08x %s\n" % (zlib.crc32(text), text), *lines[5:]]))
    with pytest.warns(UserWarning, match=f"has a torn record at byte {at}; it is dropped"):
        assert run(str(tmp_path)) == (EXPECTED, 20)
    part.write_bytes(b"%08x %s\n" % (zlib.crc32(text), text))
    with pytest.raises(EngineError, match="is no part of a journal"):
        Journal(str(tmp_path)).open()


def test_a_journal_of_another_version_is_refused_in_one_sentence(tmp_path: Path) -> None:
    header = line_of({"journal": "cb_datasets", "version": 2})
    (tmp_path / "part-1-new.journal").write_bytes(header)
    with pytest.raises(EngineError) as caught:
        Journal(tmp_path).open()
    assert str(caught.value) == (
        f"{tmp_path}/part-1-new.journal was written in version 2 of the journal format and this "
        "library reads version 1; use another folder for the journal."
    )
    (tmp_path / "part-1-new.journal").write_bytes(b"some notes\n")
    with pytest.raises(EngineError, match="is no part of a journal; move it out"):
        Journal(tmp_path).open()


def test_resume_modes_are_those_users_know(url: str) -> None:
    with pytest.raises(EngineError, match="nothing to resume in the journal"):
        Journal(url, "always").open()
    assert run(url, resume="never") == (EXPECTED, 40)
    assert run(url, resume="always") == (EXPECTED, 0)
    assert run(url, resume="never") == (EXPECTED, 40)
    assert run(url) == (EXPECTED, 0)
    with pytest.raises(EngineError, match="resume is 'maybe'; it must be one of auto, always, nev"):
        Journal(url, "maybe")  # type: ignore[arg-type]


def test_a_place_that_cannot_hold_a_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="cannot be opened"):
        Journal(tmp_path / "file").open()
    with pytest.raises(EngineError, match=r"^The journal nosuch://x cannot be opened \(ValueError"):
        Journal("nosuch://x").open()


def test_what_one_process_finishes_another_does_not_make_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "REFRESH_SECONDS", 0)
    first, second = Journal(url), Journal(url)
    engines = CountingEngine(), CountingEngine()
    streams = [
        generate_journaled(engine, REQUESTS, SAMPLING, journal)
        for engine, journal in zip(engines, (first, second), strict=True)
    ]
    finished: list[list[Generation]] = [[], []]
    for _ in REQUESTS:
        for stream, into, journal in zip(streams, finished, (first, second), strict=True):
            into.append(next(stream))
            journal.flush()
    for stream in streams:
        assert list(stream) == []
    assert all(in_order(REQUESTS, into) == EXPECTED for into in finished)
    assert sum(len(engine.made) for engine in engines) < 45
    first.close(), second.close()
    assert run(url) == (EXPECTED, 0)


def test_many_writers_at_once_neither_corrupt_nor_lose(tmp_path: Path) -> None:
    def write(offset: int) -> None:
        run(str(tmp_path), REQUESTS[offset:] + REQUESTS[:offset])

    threads = [threading.Thread(target=write, args=(n * 7,)) for n in range(5)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert run(str(tmp_path)) == (EXPECTED, 0)


WRITE = """
import os, sys
from tests.engines.journal.counting_engine import CountingEngine
from cb_datasets.engines import GenerationRequest, SamplingParams
from cb_datasets.engines.journal.journal import Journal
from cb_datasets.engines.journal.journaled import generate_journaled
requests = [GenerationRequest(f"s{n}#sample0", [0, n, n + 1], seed=n) for n in range(3000)]
with Journal(sys.argv[1]) as journal:
    os.write(1, b"begun\\n")
    for g in generate_journaled(CountingEngine(), requests, SamplingParams(), journal):
        os.write(1, g.key.encode() + b"\\n")
"""


def test_killed_at_any_moment_no_sample_is_lost_that_came_out_and_none_is_there_twice(
    tmp_path: Path,
) -> None:
    folder, rng = tmp_path / "journal", random.Random(0)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment["PYTHONWARNINGS"] = "ignore"
    kills = 0
    for lines in [1, 2, *(rng.randrange(3, 400) for _ in range(8)), 10**6]:
        process = subprocess.Popen(
            [sys.executable, "-c", WRITE, str(folder)], stdout=subprocess.PIPE, env=environment
        )
        assert process.stdout is not None
        seen = []
        for line in process.stdout:
            seen.append(line.decode().strip())
            if len(seen) == lines:
                process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        keys = [record["key"] for record in kept_records(folder)]
        assert set(seen[1:]) <= set(keys)
        assert len(keys) == len(set(keys))
    assert kills == 10
    assert len(keys) == len(seen[1:]) == 3000


def test_small_objects_are_merged_and_stay_few() -> None:
    stored: dict[str, bytes] = {}

    def delete(names: list[str]) -> None:
        for name in names:
            del stored[name]

    part = ObjectParts(stored.__setitem__, delete)
    lines = [line_of({"id": str(n)}) for n in range(10 * SMALL_PARTS + 3)]
    for line in lines:
        part.add(line)
        part.sync()
    assert len(stored) == 10 + 3
    kept = [line for content in stored.values() for line in content.splitlines(keepends=True)[1:]]
    assert sorted(kept) == sorted(lines)


def test_samples_wait_for_storage_that_is_away_and_are_written_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"memory://journal-{uuid.uuid4().hex}"
    journal = Journal(url)
    journal.open()
    put, away = journal._fs.pipe_file, True

    def sometimes(path: str, content: bytes) -> None:
        if away:
            raise ConnectionError("no route to host")
        put(path, content)

    monkeypatch.setattr(type(journal._fs), "pipe_file", staticmethod(sometimes))
    journal.add("a", EXPECTED[0])
    with pytest.raises(EngineError, match=r"cannot be written \(ConnectionError: no route"):
        journal.flush()
    away = False
    journal.add("b", EXPECTED[1])
    journal.close()
    assert len(Journal(url)) == 2


def test_a_full_disk_stops_generation_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, left = os.write, 2000

    def full(file: int, data: bytes) -> int:
        nonlocal left
        if left <= 0:
            raise OSError(28, "No space left on device")
        count = write(file, bytes(data)[:left])
        left -= count
        return count

    with monkeypatch.context() as patch:
        patch.setattr("cb_datasets.engines.journal.part.os.write", full)
        engine, given = CountingEngine(), list[Generation]()
        stream = generate_journaled(engine, REQUESTS, SAMPLING, Journal(tmp_path))
        with pytest.raises(EngineError, match=r"cannot be written .*No space left"):
            given.extend(stream)
    assert given
    with pytest.warns(UserWarning, match="torn record"):
        assert run(str(tmp_path)) == (EXPECTED, 40 - len(given))


def test_a_journal_pickles_as_its_place_and_works_on(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "never")
    before = pickle.dumps(journal)
    list(generate_journaled(CountingEngine(), REQUESTS, SAMPLING, journal))
    assert pickle.dumps(journal) == before
    journal.close()
    # Used again, it finds what it has written itself.
    engine = CountingEngine()
    list(generate_journaled(engine, REQUESTS, SAMPLING, journal))
    assert not engine.made
    journal.close()


def test_a_forked_process_writes_a_part_of_its_own(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.add("mine", EXPECTED[0])
    child = os.fork()
    if child == 0:
        try:
            journal.add("its", EXPECTED[1])
            journal.flush()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    journal.refresh()
    assert journal.get("its") == EXPECTED[1]
    assert len(parts(str(tmp_path))) == 2
    journal.close()


def test_no_request_is_asked_for_before_there_is_room(tmp_path: Path) -> None:
    taken = []

    def stream() -> Iterator[GenerationRequest]:
        for request in REQUESTS:
            taken.append(request.key)
            yield request

    with Journal(tmp_path) as journal:
        next(generate_journaled(CountingEngine(), stream(), SAMPLING, journal))
    assert len(taken) == 1


def test_the_name_of_a_sample_is_the_same_on_every_machine() -> None:
    name = sample_id(REQUESTS[1], SAMPLING, made_by(CountingEngine()))
    assert name == "9b8ffb73f5dc4162a6377394be9590e0ef06ed9a185c8ed2c4f82396a5835fd2"
