"""What cannot be printed changes neither what is written nor the exit code."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TextIO

import pytest

from tests.cli.command import exit_code
from tests.cli.conftest import SAMPLES


def without_reader() -> TextIO:
    reader, writer = os.pipe()
    os.close(reader)
    return open(writer, "w", encoding="utf-8")


def full() -> TextIO:
    return open("/dev/full", "w", encoding="utf-8")


STREAMS: dict[str, Callable[[], TextIO | None]] = {
    "a pipe without reader": without_reader,
    "a full disk": full,
    "ascii": partial(open, os.devnull, "w", encoding="ascii"),
    "latin-1": partial(open, os.devnull, "w", encoding="latin-1"),
    "none": lambda: None,
}


@pytest.fixture(params=STREAMS)
def broken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Standard output and error are both of this kind."""
    with ExitStack() as opened:
        for name in ("stdout", "stderr"):
            stream = STREAMS[request.param]()
            monkeypatch.setattr(sys, name, stream and opened.enter_context(stream))
        yield
        monkeypatch.undo()


@pytest.mark.usefixtures("broken")
def test_a_build_is_the_same_whatever_can_be_printed(
    asked: list[str], whole: Path, tmp_path: Path
) -> None:
    journal = ["--journal", str(whole / "journal")]
    # A gate fails, whether that can be said or not.
    assert exit_code("build", str(tmp_path / "out"), *asked, *SAMPLES, *journal) == 1
    files = [f.relative_to(whole / "out") for f in (whole / "out").rglob("*.*")]
    assert {f.relative_to(tmp_path / "out") for f in (tmp_path / "out").rglob("*.*")} == set(files)
    for file in files:
        if file.suffix == ".parquet":
            assert (tmp_path / "out" / file).read_bytes() == (whole / "out" / file).read_bytes()


@pytest.mark.usefixtures("broken")
def test_what_only_prints_ends_as_it_would(whole: Path) -> None:
    out = str(whole / "out")
    assert exit_code("gate", out) == 1
    assert exit_code("gate", out, "--json") == 1
    assert exit_code("preview", out, "--config", "dr") == 0
    assert exit_code("sources") == 0
    assert exit_code("gate", str(whole / "nowhere")) == 2
    for usage in (["--help"], ["build", "--help"], ["--version"]):
        assert exit_code(*usage) == 0
    assert exit_code("build", "--no-such-flag") == 2


def test_a_character_that_a_terminal_lacks_is_its_escape(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(tmp_path / "printed", "w", encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert exit_code("gate", str(whole / "out")) == 1
    assert "  \\u2192 " in (tmp_path / "printed").read_text("ascii")


def test_output_that_is_lost_is_said_but_not_to_a_reader_who_has_gone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream, said in (
        (full(), "cb-datasets: standard output cannot be written (No space left on device)\n"),
        (without_reader(), ""),
    ):
        with stream, monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", stream)
            assert exit_code("sources") == 0
        assert capsys.readouterr().err == said


def test_a_pipe_that_is_full_for_a_moment_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    command = "import sys; data = sys.stdin.buffer.read(); print(len(data), data[-2:])"
    with open(writer, "w", encoding="utf-8") as stream:
        reading = subprocess.Popen(
            [sys.executable, "-c", command], stdin=reader, stdout=subprocess.PIPE, text=True
        )
        os.close(reader)
        monkeypatch.setattr(sys, "stdout", stream)
        # More than a pipe holds.
        monkeypatch.setattr("cb_datasets.cli.sources.list_sources", lambda: ["demo"] * 2000)
        assert exit_code("sources") == 0
        monkeypatch.undo()
    size, _, end = reading.communicate()[0].partition(" ")
    assert int(size) > 2**16
    assert end.endswith("\\n'\n")


@pytest.mark.parametrize("redirected", ["", ">/dev/full", ">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_process_ends_with_the_code_of_its_work(redirected: str, whole: Path) -> None:
    command = shlex.join([sys.executable, "-m", "cb_datasets.cli.app"])
    for arguments, code in (("sources", 0), (f"gate --ds {shlex.quote(str(whole))}", 2)):
        done = subprocess.run(f"{command} {arguments} {redirected}", shell=True, timeout=120)
        assert done.returncode == code
