"""A push that ends at any of its requests leaves no version, and the next push completes it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from datasets import load_dataset

import cb_datasets as cb
from cb_datasets.errors import HubError
from cb_datasets.hub import read_folder

if TYPE_CHECKING:
    from hub_server import HubServer

pytest_plugins = ["hub_fixtures"]

REPO = "org/breakers"


def push(hub: HubServer, folder: Path, version: str) -> Any:
    why = "a small one for tests"
    return cb.push_to_hub(folder, REPO, version, force_reason=why, token=hub.token)


def check_both_versions(hub: HubServer, small: tuple[Path, Path]) -> None:
    """Each tag holds the rows that were built, to the byte, and loads."""
    tags = hub.dataset(REPO).refs("tags")
    assert sorted(tags) == ["v1.0.0", "v1.0.1"]
    for folder, tag in zip(small, sorted(tags), strict=True):
        for file in folder.rglob("*.parquet"):
            path = file.relative_to(folder).as_posix()
            assert hub.content(REPO, path, tag) == file.read_bytes()
        rows = load_dataset(REPO, "ds", revision=tag, split="train", token=hub.token)
        assert rows["id"] == read_folder(folder)["ds"]["id"]
    history = list(hub.dataset(REPO).history(hub.dataset(REPO).resolve("main")))
    assert len(history) == 3, "one commit a version, however often it was begun"


def steps_of_two_pushes(hub: HubServer, small: tuple[Path, Path]) -> tuple[int, int]:
    push(hub, small[0], "1.0.0")
    first = len(hub.asked)
    push(hub, small[1], "1.0.1")
    steps = first, len(hub.asked) - first
    os.rename(hub.dataset(REPO).folder, hub.dataset(REPO).folder.with_name("measured"))
    for blob in hub.routes.blobs.iterdir():
        blob.unlink()
    return steps


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
            before = list(hub.dataset(REPO).refs("tags")) if hub.dataset(REPO).exists else []
            begun = len(hub.asked)
            FAILURES[failure](hub, at)
            try:
                push(hub, small[number], version)
            except HubError:
                made = list(hub.dataset(REPO).refs("tags")) if hub.dataset(REPO).exists else []
                if made != before:
                    # The very last answer got lost: the version is there, and complete.
                    assert failure == "answer lost"
                    assert "/tag/" in [a.path for a in hub.asked[begun:] if a.method == "POST"][-1]
                    break
            else:
                # What was done already needs fewer requests.
                break
            finally:
                hub.heal()
        if f"v{version}" not in hub.dataset(REPO).refs("tags"):
            push(hub, small[number], version)
    check_both_versions(hub, small)


def test_a_process_killed_at_any_request_leaves_no_version(
    hub: HubServer, small: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = steps_of_two_pushes(hub, small)
    real, target = hub.handle, {"at": 0, "process": 0}

    def handle(request: Any) -> Any:
        target["at"] -= 1
        if target["at"] == 0:
            os.kill(target["process"], signal.SIGKILL)
        return real(request)

    monkeypatch.setattr(hub, "handle", handle)
    for number, version in enumerate(("1.0.0", "1.0.1")):
        for at in range(1, steps[number] + 1):
            before = sorted(hub.dataset(REPO).refs("tags")) if hub.dataset(REPO).exists else []
            target["at"] = at
            status = pushed_elsewhere(hub, small[number], version, target)
            if status == 0:
                break
            assert status == -signal.SIGKILL
            made = sorted(hub.dataset(REPO).refs("tags")) if hub.dataset(REPO).exists else []
            if made != before:
                break  # Killed while the tag was being made: the last request of all.
        target["at"] = 0
        if f"v{version}" not in hub.dataset(REPO).refs("tags"):
            push(hub, small[number], version)
    check_both_versions(hub, small)


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
