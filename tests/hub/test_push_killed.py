"""A push that ends at any of its requests leaves no version, and the next push completes it."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from datasets import load_dataset

import cb_datasets as cb
import cb_datasets.hub.fit
from cb_datasets.dataset import read_folder
from cb_datasets.errors import HubError

if TYPE_CHECKING:
    from tests.hub_server import HubServer

pytestmark = pytest.mark.long

REPO = "org/breakers"


@pytest.fixture(autouse=True)
def _checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gates of a folder that stays as it is are run once, not before each of its pushes."""
    found: dict[Path, Any] = {}

    def fit_folder(folder: Path, **options: Any) -> Any:
        if folder not in found:
            found[folder] = cb_datasets.hub.fit.fit_folder(folder, **options)
        return found[folder]

    monkeypatch.setattr("cb_datasets.hub.push.fit_folder", fit_folder)


def push(hub: HubServer, folder: Path, version: str) -> Any:
    why = "a small one for tests"
    return cb.push_to_hub(folder, REPO, version, force_reason=why, token=hub.token)


def check_versions(hub: HubServer, small: tuple[Path, Path], count: int = 2) -> None:
    """Each tag holds the rows that were built, to the byte, in one commit each."""
    tags = hub.dataset(REPO).refs("tags")
    assert sorted(tags) == ["v1.0.0", "v1.0.1"][:count]
    for folder, tag in zip(small, sorted(tags), strict=False):
        for file in folder.rglob("*.parquet"):
            path = file.relative_to(folder).as_posix()
            assert hub.content(REPO, path, tag) == file.read_bytes()
    history = list(hub.dataset(REPO).history(hub.dataset(REPO).resolve("main")))
    assert len(history) == 1 + count, "one commit a version, however often it was begun"


def check_loaded(hub: HubServer, small: tuple[Path, Path]) -> None:
    for folder, tag in zip(small, ("v1.0.0", "v1.0.1"), strict=True):
        rows = load_dataset(REPO, "ds", revision=tag, split="train", token=hub.token)
        assert rows["id"] == read_folder(folder)["ds"]["id"]


def tags_of(hub: HubServer) -> list[str]:
    return sorted(hub.dataset(REPO).refs("tags")) if hub.dataset(REPO).exists else []


def steps_of_two_pushes(hub: HubServer, small: tuple[Path, Path]) -> tuple[int, int]:
    push(hub, small[0], "1.0.0")
    first = len(hub.asked)
    push(hub, small[1], "1.0.1")
    steps = first, len(hub.asked) - first
    put_back(hub, None)
    return steps


def put_back(hub: HubServer, state: Path | None) -> None:
    """Give the Hub what it held once: the repo and its files, or nothing."""
    for place in (hub.routes.folder / "datasets", hub.routes.blobs):
        shutil.rmtree(place, ignore_errors=True)
        if state is not None:
            shutil.copytree(state / place.name, place)
        place.mkdir(exist_ok=True)


FAILURES: dict[str, Callable[[HubServer, int], None]] = {
    "status 500": lambda hub, at: hub.fail(at=at, times=None, status=500),
    "dropped": lambda hub, at: hub.fail(at=at, times=None),
    "answer lost": lambda hub, at: hub.fail(at=at, times=None, lose="response"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_push_that_fails_at_any_request_leaves_no_version(
    hub: HubServer, small: tuple[Path, Path], failure: str
) -> None:
    steps = steps_of_two_pushes(hub, small)
    for number, version in enumerate(("1.0.0", "1.0.1")):
        for at in range(1, steps[number] + 1):
            before = tags_of(hub)
            begun = len(hub.asked)
            FAILURES[failure](hub, at)
            try:
                push(hub, small[number], version)
            except HubError:
                if tags_of(hub) != before:
                    # The very last answer got lost: the version is there, and complete.
                    assert failure == "answer lost"
                    assert "/tag/" in [a.path for a in hub.asked[begun:] if a.method == "POST"][-1]
                    break
            else:
                # What was done already needs fewer requests.
                break
            finally:
                hub.heal()
        if f"v{version}" not in tags_of(hub):
            push(hub, small[number], version)
    check_versions(hub, small)
    check_loaded(hub, small)


def test_a_process_killed_at_any_request_leaves_no_version_and_the_next_push_makes_it(
    hub: HubServer, small: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = steps_of_two_pushes(hub, small)
    real, target = hub.handle, {"at": 0, "process": 0}

    def handle(request: Any) -> Any:
        target["at"] -= 1
        if target["at"] == 0:
            os.kill(target["process"], signal.SIGKILL)
        return real(request)

    monkeypatch.setattr(hub, "handle", handle)
    state: Path | None = None
    for number, version in enumerate(("1.0.0", "1.0.1")):
        for at in range(1, steps[number] + 1):
            put_back(hub, state)
            before, begun = tags_of(hub), len(hub.asked)
            target["at"] = at
            assert pushed_elsewhere(hub, small[number], version, target) == -signal.SIGKILL
            target["at"] = 0
            while len(hub.asked) < begun + at:
                time.sleep(0.01)  # What was asked last is done, though nobody waits for it.
            if at < steps[number]:
                assert tags_of(hub) == before, at
                push(hub, small[number], version)
            check_versions(hub, small, number + 1)
        state = tmp_path / version
        shutil.copytree(hub.routes.folder, state, ignore=shutil.ignore_patterns("home"))
    check_loaded(hub, small)


def pushed_elsewhere(hub: HubServer, folder: Path, version: str, target: dict[str, int]) -> int:
    """Push in a process of its own; its exit status, or less than 0 if it was killed."""
    import huggingface_hub

    huggingface_hub.close_session()
    waiting, go = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.read(waiting, 1)
            push(hub, folder, version)
        except BaseException:
            os._exit(1)
        os._exit(0)
    target["process"] = process
    os.write(go, b"x")
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    os.close(waiting)
    os.close(go)
    return status
