from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cb_datasets.judge.call_patterns import call_matches, condition_met, text_matches
from cb_datasets.records import CallPattern

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("condition", "value", "met"),
    [
        ({"equals": "US133"}, " us133\n", True),
        ({"equals": "US133"}, "US1334", False),
        ({"equals": "13"}, 13, False),
        ({"equals": 4}, 4.0, True),
        ({"equals": 1}, True, False),
        ({"equals": None}, None, True),
        ({"equals": ["A", 1]}, ["a", 1.0], True),
        ({"equals": {"id": "X"}}, {"id": "x"}, True),
        ({"contains": "evil.com"}, "https://EVIL.com/x", True),
        ({"contains": "a@b.c"}, ["x@y.z", "A@B.C"], True),
        ({"contains": "a@b.c"}, {"to": [{"address": "a@b.c"}]}, True),
        ({"contains": "a@b.c"}, None, False),
        ({"contains": 3}, "3", False),
        ({"regex": r"^US\d{3}$"}, "us133", True),
        ({"regex": r"^US\d{3}$"}, "US1334", False),
        ({"regex": r"\b42\b"}, 42, True),
        ({"regex": "a@b"}, ["x", {"to": "A@B.c"}], True),
        ({"regex": "("}, "(", False),
        ({"regex": 3}, "3", False),
        ({"regex": "x", "example": "x"}, "x", True),
        ({"schema": {"type": "integer", "minimum": 1}}, 2, True),
        ({"schema": {"type": "integer", "minimum": 1}}, 0, False),
        ({"schema": {"type": "number"}, "example": 1}, 1.5, True),
        ({"schema": {"type": "no such type"}}, 1, False),
        ({"schema": {"$ref": "http://127.0.0.1:1/x.json"}}, 1, False),
        ({"schema": "x"}, "x", False),
        ({"equals": "x", "example": "x"}, "x", False),
        ({}, "x", False),
        ("x", "x", False),
        ({"equals": "x", "contains": "x"}, "x", False),
    ],
)
def test_condition_on_an_argument(condition: Any, value: Any, met: bool):
    assert call_matches({"name": "f", "arguments": {"a": condition}}, "f", {"a": value}) is met


def test_named_parameter_must_be_given_and_others_may_hold_anything():
    pattern = CallPattern(name="f", arguments={"a": {"equals": None}})
    assert not call_matches(pattern, "f", {})
    assert call_matches(pattern, "f", {"a": None, "b": 1})
    assert not call_matches(pattern, "g", {"a": None})
    assert call_matches({"name": "f"}, "f", {})


@given(JSON, st.text(), JSON)
def test_it_is_total_and_a_broken_pattern_matches_nothing_it_does_not_name(
    arguments: Any, name: str, call_arguments: Any
):
    found = call_matches({"name": "f", "arguments": arguments}, name, call_arguments)
    assert isinstance(found, bool)
    assert name == "f" or not found


@given(st.dictionaries(st.text(), JSON))
def test_a_call_equals_itself(arguments: dict[str, Any]):
    pattern = {"name": "f", "arguments": {k: {"equals": v} for k, v in arguments.items()}}
    assert call_matches(pattern, "f", arguments)


def test_a_pattern_that_backtracks_for_ever_is_met_by_nothing() -> None:
    assert not condition_met({"regex": "^(a|aa)+$"}, "a" * 5000 + "b")


@pytest.mark.parametrize(
    ("pattern", "text", "met"),
    [
        ({"condition": "equals", "text": "Yes."}, " yes.\n", True),
        ({"condition": "contains", "text": "paris"}, "It is Paris.", True),
        ({"condition": "regex", "text": r"^it\b"}, "It is.", True),
        ({"condition": "regex", "text": "^is"}, "It is.", False),
        ({"condition": "like", "text": "x"}, "x", False),
        ({}, "", False),
    ],
)
def test_condition_on_prose(pattern: Any, text: str, met: bool) -> None:
    assert text_matches(pattern, text) is met
