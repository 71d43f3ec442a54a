"""Claims on an output: one process makes it, the others are told, and the dead leave nothing."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cb_datasets.claim import claimed
from cb_datasets.dataset.whole import whole_folder
from cb_datasets.errors import BuildError


def process(work: Callable[[], None]) -> int:
    """Work in a process of its own; exit code 2 is a `BuildError`."""
    number = os.fork()
    if number:
        return number
    code = 1
    try:
        work()
        code = 0
    except BuildError:
        code = 2
    finally:
        os._exit(code)


def ended(number: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def holder(output: Path) -> int:
    """A process that has claimed an output, begun to make it, and waits."""
    reader, writer = os.pipe()

    def work() -> None:
        with whole_folder(output) as unfinished:
            (unfinished / "begun").touch()
            os.write(writer, b".")
            signal.pause()

    number = process(work)
    assert os.read(reader, 1) == b"."
    os.close(reader)
    os.close(writer)
    return number


def killed(number: int) -> None:
    os.kill(number, signal.SIGKILL)
    assert ended(number) == -signal.SIGKILL


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_another_process_makes_is_refused_and_left_alone(tmp_path: Path) -> None:
    number = holder(tmp_path / "out")
    try:
        for _ in range(2):
            with pytest.raises(BuildError, match=r"another process is writing .*out; wait for it"):
                claimed(tmp_path / "out").__enter__()
        assert (tmp_path / ".out.unfinished-new/whole/begun").exists()
        with claimed(tmp_path / "other"):
            pass
    finally:
        killed(number)


def test_what_a_dead_process_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    killed(holder(tmp_path / "out"))
    assert names(tmp_path) == [".out.unfinished-new"]
    # So did versions without a lock call it.
    (tmp_path / ".out.unfinished-0123abcd").mkdir()
    (tmp_path / ".output.unfinished-0123abcd").mkdir()
    with whole_folder(tmp_path / "out") as unfinished:
        assert names(unfinished) == []
    assert names(tmp_path) == [".output.unfinished-0123abcd", "out"]


def test_an_old_folder_that_was_being_replaced_is_put_back(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/old").touch()

    def work() -> None:
        real = os.rename

        def second_kills(source: Path, target: Path) -> None:
            if target == tmp_path / "out":
                os.kill(os.getpid(), signal.SIGKILL)
            real(source, target)

        os.rename = second_kills  # type: ignore[assignment]
        with whole_folder(tmp_path / "out", overwrite=True):
            pass

    assert ended(process(work)) == -signal.SIGKILL
    assert names(tmp_path) == [".out.replaced-old", ".out.unfinished-new"]
    with pytest.raises(BuildError, match="exists and is not empty"), whole_folder(tmp_path / "out"):
        pass
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["old"]


def test_of_many_that_begin_at_once_one_makes_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for overwrite in (False, True) * 5:

        def work(overwrite: bool = overwrite) -> None:
            with whole_folder(out, overwrite=overwrite) as unfinished:
                (unfinished / f"by-{os.getpid()}").touch()

        numbers = [process(work) for _ in range(8)]
        codes = {number: ended(number) for number in numbers}
        assert set(codes.values()) <= {0, 2}
        winners = [number for number, code in codes.items() if code == 0]
        assert len(winners) >= 1 if overwrite else len(winners) == 1
        (made,) = names(out)
        assert made in {f"by-{number}" for number in winners}
        assert names(tmp_path) == ["out"]
        (out / made).unlink()


def test_a_claim_within_a_claim_is_the_same_and_another_threads_is_not(tmp_path: Path) -> None:
    refused: list[str] = []

    def other() -> None:
        try:
            claimed(tmp_path / "out").__enter__()
        except BuildError as error:
            refused.append(str(error))

    with claimed(tmp_path / "out") as place:
        with claimed(tmp_path / "sub" / ".." / "out") as same:
            assert same == place
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert place.is_dir()
    assert len(refused) == 1
    assert names(tmp_path) == []


def test_folders_above_go_too_if_nothing_came_of_it(tmp_path: Path) -> None:
    with claimed(tmp_path / "new/deep/out"):
        pass
    assert names(tmp_path) == []
    with whole_folder(tmp_path / "new/deep/out"):
        pass
    assert names(tmp_path / "new/deep") == ["out"]


def test_storage_without_locks_gives_each_a_place_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    (tmp_path / ".out.unfinished-0123abcd").mkdir()
    refused: list[str] = []

    def other() -> None:
        try:
            with whole_folder(tmp_path / "out"):
                first.wait()
        except BuildError as error:
            refused.append(str(error))

    first = threading.Event()
    thread = threading.Thread(target=other)
    with whole_folder(tmp_path / "out") as unfinished:
        thread.start()
        (unfinished / "mine").touch()
    first.set()
    thread.join()
    assert names(tmp_path / "out") == ["mine"]
    assert len(refused) == 1
    # Who is alive cannot be told there.
    assert names(tmp_path) == [".out.unfinished-0123abcd", "out"]
