"""What a build prints at its end: what was made and why not more, and commands that work."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.command import run
from tests.cli.test_one_set import given

__all__ = ["given"]


def next_commands(out: str) -> list[list[str]]:
    """The commands that are printed last, as a shell would read them."""
    _, _, after = out.rpartition("next:\n")
    commands = [shlex.split(line) for line in after.splitlines()]
    assert all(program == "cb-datasets" for program, *_ in commands)
    return [words for _, *words in commands]


def test_a_dry_run_names_the_build_and_a_build_what_to_look_at(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "a set"
    flags = [*given, "--near-duplicates", "0", "--retain-quota", "answer=9", "--no-journal"]
    code, out, _ = run(capsys, "build", str(target), "--dry-run", *flags)
    assert code == 1
    build, preview = next_commands(out)
    assert "--no-journal" in build
    assert not target.exists()
    code, out, err = run(capsys, *build)
    # So few rows pass no gate; they are written.
    assert (code, err) == (1, "")
    assert re.search(r"^ds +2 ", out, re.MULTILINE)
    assert run(capsys, *preview)[0] == 0
    look, page = next_commands(out)
    assert "--id" in look
    code, shown, _ = run(capsys, *look)
    assert code == 0
    assert look[-1] in shown
    assert run(capsys, *page)[0] == 0
    assert (tmp_path / "a set.html").is_file()


def test_after_one_set_the_others_are_named(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "ds", str(tmp_path / "ds.jsonl"), *given)
    assert code == 1
    dr, _ = next_commands(out)
    assert dr[:2] == ["dr", str(tmp_path / "dr.jsonl")]
    assert run(capsys, *dr)[0] == 1
    assert (tmp_path / "dr.jsonl").is_file()


def test_what_was_left_out_is_in_the_table_with_its_reason(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capsys, "build", str(tmp_path / "out"), *given, "--retain-quota", "resisted=1")
    assert re.search(r"^rejected +1 *$", out, re.MULTILINE)
    assert re.search(r"^ +1 +over_quota: there are enough rows of its kind in Dr", out, re.M)
