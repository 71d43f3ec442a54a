"""A build on many machines as a person runs it: shards merged, workers under Ray, and its log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import run
from tests.cli.conftest import SAMPLES


def files(folder: Path) -> dict[str, bytes]:
    found = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in found}


def test_shards_are_merged_to_the_folder_of_the_build_in_one_piece(
    asked: list[str], whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shards = [str(tmp_path / "a"), str(tmp_path / "b")]
    for number, shard in enumerate(shards):
        options = [*SAMPLES, "--shard", f"{number}/2"]
        code, out, _ = run(capsys, "build", shard, *asked, *options)
        assert code == 0
        assert f"shard {number}/2 with" in out
    code, _, err = run(capsys, "gate", shards[0])
    assert code == 2
    assert "this is one shard of a build and no dataset" in err
    out_folder = tmp_path / "out"
    code, _, err = run(capsys, "merge", str(out_folder), shards[0])
    assert code == 2
    assert "of 2 shards, number 1 is missing" in err
    assert not out_folder.exists()
    # A gate fails: there is no attack among so few scenarios.
    code, out, _ = run(capsys, "merge", str(out_folder), *reversed(shards))
    assert code == 1
    assert f"written: {out_folder}" in out.replace("\n", "")
    assert files(out_folder) == files(whole / "out")
    code, _, err = run(capsys, "merge", str(out_folder), *shards)
    assert code == 2
    assert "--overwrite" in err


def test_workers_under_ray_make_the_same_folder_and_the_log_says_how_it_goes(
    asked: list[str], whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ray")
    out = tmp_path / "out"
    spread = ["--distributed", "ray", "--workers", "2", "--log-json", "--log-interval", "0.5"]
    code, _, err = run(capsys, "build", str(out), *asked, *SAMPLES, *spread)
    assert code == 1
    assert files(out) == files(whole / "out")
    lines = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert lines[-1]["scenarios_finished"] == lines[-1]["scenarios"] > 0
    assert lines[-1]["samples"] == int(SAMPLES[-1]) * lines[-1]["scenarios"]
    assert sum(lines[-1]["outcomes"].values()) == lines[-1]["samples"]


def test_what_is_in_the_journal_is_not_sampled_again_by_workers(
    asked: list[str], whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(whole / "journal")
    adapt = ["--min-successes", "1", "--max-samples", SAMPLES[-1]]
    kept = ["--journal", str(whole / "journal")]
    code, out, _ = run(capsys, "build", str(tmp_path / "out"), *asked, *adapt, *kept)
    assert code == 1
    assert "samples were saved by stopping at 1 successes" in out
    assert files(whole / "journal") == before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--shard", "2/2"], "expected i/n"),
        (["--shard", "0/2", "--dry-run"], "leave out --dry-run"),
        (["--min-successes", "1", "--num-samples", "4"], "give either num_samples or"),
        (["--max-samples", "5"], "max_samples needs min_successes"),
        (["--min-successes", "9"], "max_samples is 8; it must be min_successes"),
        (["--workers", "2"], "need distributed='ray'"),
    ],
)
def test_options_that_do_not_go_together_are_exit_code_2(
    options: list[str],
    sentence: str,
    asked: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, err = run(capsys, "build", str(tmp_path / "out"), *asked, *options)
    assert code == 2
    assert sentence in err
    assert not (tmp_path / "out").exists()
