"""A build that is ended in the middle: nothing half-written, and no finished sample made again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest

import cb_datasets.gates
from tests.cli.command import exit_code, run
from tests.cli.conftest import SAMPLES
from tests.engines.journal.kept_records import kept_records


def begun(*arguments: str, samples: int) -> tuple[subprocess.Popen[str], IO[str]]:
    """A build in a process of its own, at work: so many of its samples are finished."""
    command = [sys.executable, "-m", "cb_datasets.cli.app", "build", *arguments]
    process = subprocess.Popen(
        [*command, "--batch-size", "2", "--log-json", "--log-interval", "0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if line.startswith("{") and json.loads(line)["samples"] >= samples:
            return process, process.stderr
    raise AssertionError(said)


@pytest.mark.parametrize("again", ["", "at once", "on the way out"])
def test_an_interrupted_build_leaves_nothing(asked: list[str], tmp_path: Path, again: str) -> None:
    # More samples than it could make before the signal comes.
    process, said = begun(str(tmp_path / "out"), *asked, "--num-samples", "500", samples=1)
    process.send_signal(signal.SIGINT)
    err = ""
    if again == "on the way out":
        for line in said:
            err += line
            if "finished samples are kept" in line:
                break
    if again:
        process.send_signal(signal.SIGINT)
    err += said.read()
    assert process.wait() == 130, err
    assert "interrupted" in err
    assert "the same command goes on from them" in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


WORK = """
import os, signal, sys
from cb_datasets.cli.interrupts import interruptible
with interruptible():
    try:
        os.write(1, b"work")
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.raise_signal(signal.SIGINT)
        os.write(1, b", tidied")
        if "thrice" in sys.argv:
            signal.raise_signal(signal.SIGINT)
        os.write(1, b" up")
"""


@pytest.mark.parametrize(
    ("times", "done"), [("twice", "work, tidied up"), ("thrice", "work, tidied")]
)
def test_a_second_ctrl_c_lets_it_tidy_up_and_a_third_ends_it_at_once(times: str, done: str) -> None:
    end = subprocess.run([sys.executable, "-c", WORK, times], capture_output=True, text=True)
    assert (end.returncode, end.stdout) == (130, done)
    assert end.stderr.startswith("cb-datasets: tidying up; Ctrl-C once more ends it at once\n")
    assert "Traceback" not in end.stderr


AT_IMPORT = """
import signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from cb_datasets.cli.__main__ import main
main()
"""


def test_ctrl_c_is_heard_while_the_commands_are_loaded() -> None:
    end = subprocess.run([sys.executable, "-c", AT_IMPORT], capture_output=True, text=True)
    assert (end.returncode, end.stdout) == (130, "")
    assert end.stderr == "cb-datasets: interrupted; nothing is half-written\n"


def test_ctrl_c_after_the_work_changes_nothing_of_how_it_ends() -> None:
    code = "import atexit, signal\natexit.register(signal.raise_signal, signal.SIGINT)\n"
    code += "import sys; from cb_datasets.cli.__main__ import main; main()"
    end = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, text=True)
    assert end.returncode == 0
    assert end.stdout.startswith("cb_datasets ")
    assert "Traceback" not in end.stderr


def test_a_killed_build_goes_on_with_the_samples_it_has(
    asked: list[str], whole: Path, tmp_path: Path
) -> None:
    out, journal = tmp_path / "out", tmp_path / "journal"
    given = [str(out), *asked, *SAMPLES, "--journal", str(journal)]
    process, _ = begun(*given, samples=4)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.unfinished-new", "journal"]
    kept = kept_records(journal)
    assert len(kept) >= 4
    assert exit_code("build", *given, "--resume", "always") == 1
    for file in (whole / "out").rglob("*.parquet"):
        assert (out / file.relative_to(whole / "out")).read_bytes() == file.read_bytes()
    records = kept_records(journal)
    assert records[: len(kept)] == kept
    assert len({record["id"] for record in records}) == len(records)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal", "out"]


@pytest.mark.parametrize("more", [(), ("--overwrite",)])
def test_a_second_build_into_one_output_is_told_so_and_the_first_goes_on(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    process, said = begun(str(out), *asked, "--num-samples", "500", *more, samples=1)
    code, printed, err = run(capsys, "build", str(out), *asked, *SAMPLES, *more)
    assert (code, printed) == (2, "")
    assert f"another process is writing {out}; wait for it, or give another output" in err
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    said.read()
    assert process.wait() == 130


def test_a_folder_that_appears_while_a_build_runs_stays(
    asked: list[str],
    whole: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, one = tmp_path / "out", tmp_path / "ds.jsonl"
    gates = cb_datasets.gates.run_gates

    def appears(**given: Any) -> Any:
        out.mkdir(exist_ok=True)
        (out / "theirs").touch()
        one.touch()
        return gates(**given)

    monkeypatch.setattr(cb_datasets.gates, "run_gates", appears)
    given = [*asked, *SAMPLES, "--journal", str(whole / "journal")]
    for command in (["build", str(out)], ["ds", str(one)]):
        code, printed, err = run(capsys, *command, *given)
        assert (code, printed) == (2, "")
        assert f"{command[1]} exists" in err
        assert "finished samples are kept" in err
        one.unlink()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [path.name for path in out.iterdir()] == ["theirs"]
