"""Flags are made of options: names, groups and meanings, and what reaches a command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pytest
import typer
from typer.testing import CliRunner
from typing_extensions import TypedDict

from cb_datasets.cli.app import app
from cb_datasets.cli.flags import as_flags, with_flags
from cb_datasets.errors import BuildError
from cb_datasets.options import Option


class What(TypedDict, total=False):
    """What to take: first."""

    names: Annotated[Sequence[str], Option((), "A [name].", flag="--name -n")]
    quotas: Annotated[Mapping[str, int] | None, Option(None, "A quota.", flag="--quota")]
    mode: Annotated[Literal["a", "b"], Option("a", "Beside `how_many`.")]
    secret: Annotated[str | None, Option(None, "Not here.", flag=None)]


class How(TypedDict, total=False):
    """How to take it."""

    how_many: Annotated[int, Option(3, "Beside `mode`.", ge=1)]
    share: Annotated[float | None, Option(None, "A share.")]
    place: Annotated[Path | None, Option(None, "A place.")]
    add: Annotated[bool, Option(True, "Add.")]
    drop: Annotated[bool, Option(False, "Drop.")]


taken: list[Any] = []


@with_flags(BuildError)
def take(
    folder: Annotated[Optional[Path], typer.Argument()] = None,  # noqa: UP045
    *,
    what: What,
    how: How,
) -> None:
    """Take it."""
    taken.append((folder, what, how))


@pytest.fixture
def run() -> Any:
    one = typer.Typer(rich_markup_mode="rich")
    one.command()(take)

    def call(*arguments: str) -> Any:
        taken.clear()
        return CliRunner().invoke(one, list(arguments))

    return call


def test_without_flags_every_concern_has_its_defaults(run: Any) -> None:
    assert run().exit_code == 0
    ((folder, what, how),) = taken
    assert folder is None
    assert what == {"names": (), "quotas": None, "mode": "a", "secret": None}
    assert how == {"how_many": 3, "share": None, "place": None, "add": True, "drop": False}


def test_what_is_given_reaches_its_concern_as_what_it_is(run: Any) -> None:
    flags = ["-n", "x", "--name", "y", "--quota", "a=1", "--quota", "b=2", "--mode", "b"]
    run("here", *flags, "--how-many", "7", "--share", "0.5", "--place", "p", "--drop", "--no-add")
    ((folder, what, how),) = taken
    assert folder == Path("here")
    assert what["names"] == ["x", "y"]
    assert (what["quotas"], what["mode"]) == ({"a": 1, "b": 2}, "b")
    assert how == {"how_many": 7, "share": 0.5, "place": Path("p"), "add": False, "drop": True}


def test_options_are_written_as_flags_that_give_them_again(run: Any) -> None:
    flags = ["-n", "x y", "--name", "y", "--quota", "a=1", "--mode", "b"]
    run(*flags, "--how-many", "7", "--share", "0.5", "--place", "p", "--drop", "--no-add")
    ((_, what, how),) = first = list(taken)
    run(*as_flags(What, what), *as_flags(How, how))
    assert taken == first
    run()
    ((_, what, how),) = taken
    assert as_flags(What, what) == as_flags(How, how) == []


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--how-many", "0"], "how_many is 0; it must be 1 or more"),
        (["--mode", "c"], "mode is 'c'; it must be one of a, b"),
        (["--quota", "a"], "--quota a: expected KIND=NUMBER"),
        (["--quota", "a=1.5"], "quotas is {'a': 1.5}; it must be a mapping"),
    ],
)
def test_a_value_that_does_not_fit_is_the_library_s_sentence(
    flags: list[str], sentence: str, run: Any
) -> None:
    error = run(*flags).exception
    assert isinstance(error, BuildError)
    assert str(error) == sentence
    assert not taken


def test_help_groups_flags_and_says_what_they_mean(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    text = run("--help").output
    assert "─ What to take ─" in text
    assert "─ How to take it ─" in text
    for line in (
        "A [name]. May be repeated.",
        "Beside how_many. Default: a",
        "Beside mode. 1 or more. Default: 3",
        "Add. Default: yes; --no-add for no",
    ):
        assert line in text
    assert "a|b" in text
    assert "--secret" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_no_flag_is_cut_short_in_help(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for command in ("build", "ds", "gate", "evaluate", "probe", "merge", "report"):
        shown = CliRunner().invoke(app, [command, "--help"])
        assert shown.exit_code == 0
        assert "…" not in shown.output
