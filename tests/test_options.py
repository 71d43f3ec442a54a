"""Options that are written once: what joins them, checks them and shows them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from typing_extensions import TypedDict

from cb_datasets.errors import BuildError
from cb_datasets.options import Option, checked, options_of, part_of, takes, together


class Counts(TypedDict, total=False):
    """How to count: so often."""

    least: Annotated[int, Option(1, "At least so many.", ge=0)]
    most: Annotated[int | None, Option(None, "At most so many.", ge=1)]


@together(Counts)
def _in_order(options: Counts) -> str | None:
    most = options["most"]
    return None if most is None or most >= options["least"] else "most is below least"


class Everything(Counts, total=False):
    """How to do everything."""

    share: Annotated[float, Option(0.5, "A share.", gt=0, le=1)]
    mode: Annotated[Literal["auto", "never"] | None, Option("auto", "When.")]
    place: Annotated[str | os.PathLike[str] | None, Option(None, "Where.")]
    weights: Annotated[Mapping[str, float], Option({}, "How much of each.")]
    names: Annotated[Sequence[str], Option((), "Which.", check=lambda given: tuple(given))]


def test_joined_concerns_keep_titles_and_order() -> None:
    titles = {name: found.concern for name, found in options_of(Everything).items()}
    assert list(titles) == ["least", "most", "share", "mode", "place", "weights", "names"]
    assert titles["most"] == "How to count: so often"
    assert titles["share"] == "How to do everything"


def test_a_rule_holds_wherever_its_concern_is_joined_into() -> None:
    for concern in (Counts, Everything):
        with pytest.raises(BuildError, match="most is below least"):
            checked(concern, {"least": 3, "most": 2}, BuildError)


def test_numbers_come_as_pythons_own_whoever_made_them() -> None:
    given = {"least": np.int64(2**53 + 1), "most": 4.0e16, "share": np.float32(0.25)}
    read = checked(Everything, given, BuildError)
    assert (read["least"], read["most"], read["share"]) == (2**53 + 1, 4 * 10**16, 0.25)
    assert [type(read[name]) for name in ("least", "most", "share")] == [int, int, float]


def test_what_was_not_given_has_its_default_and_what_was_is_read() -> None:
    read = checked(Everything, {"names": ["a"], "place": Path("x")}, BuildError)
    assert (read["names"], read["place"], read["mode"]) == (("a",), Path("x"), "auto")
    assert part_of(Counts, read) == {"least": 1, "most": None}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"leas": 1}, "there is no option 'leas', did you mean 'least'?"),
        ({"least": -1}, "least is -1; it must be 0 or more"),
        ({"least": True}, "least is True; it must be a whole number"),
        ({"most": 2.5}, "most is 2.5; it must be a whole number"),
        ({"share": 0}, "share is 0; it must be above 0 and 1 at most"),
        ({"share": float("nan")}, "share is nan; it must be above 0 and 1 at most"),
        ({"share": "half"}, "share is 'half'; it must be a number"),
        ({"mode": "often"}, "mode is 'often'; it must be one of auto, never"),
        ({"place": 3}, "place is 3; it must be text"),
        ({"weights": 3}, "weights is 3; it must be a mapping"),
        ({"weights": {"a": "much"}}, "weights is {'a': 'much'}; it must be a mapping"),
        ({"names": [3]}, "names is [3]; it must be a list"),
    ],
)
def test_what_does_not_fit_is_told_in_one_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BuildError) as told:
        checked(Everything, given, BuildError)
    assert str(told.value).startswith(sentence)
    assert "\n" not in str(told.value)


def test_long_meanings_are_wrapped_where_the_options_stood() -> None:
    class Long(TypedDict, total=False):
        """Long."""

        much: Annotated[int, Option(1, "word " * 30 + "end.", ge=0)]

    @takes(Long)
    def function(much_else: int, **options: Any) -> None:
        """Do it.

        Args:
            much_else: Whatever.
            **options: The others.

        Raises:
            Nothing: Ever.
        """

    lines = (function.__doc__ or "").splitlines()
    (first,) = [n for n, line in enumerate(lines) if line.strip().startswith("much:")]
    assert lines[first].startswith("            much: word word")
    assert lines[first + 1].startswith("                word")
    assert max(map(len, lines)) <= 100
    assert "0 or more." in " ".join((function.__doc__ or "").split())
    assert "**options" not in (function.__doc__ or "")
