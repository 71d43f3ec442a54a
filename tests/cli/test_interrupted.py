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


def test_an_interrupted_build_leaves_nothing(asked: list[str], tmp_path: Path) -> None:
    # More samples than it could make before the signal comes.
    process, said = begun(str(tmp_path / "out"), *asked, "--num-samples", "500", samples=1)
    process.send_signal(signal.SIGINT)
    err = said.read()
    assert process.wait() == 130, err
    assert "interrupted" in err
    assert "the same command goes on from them" in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


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
