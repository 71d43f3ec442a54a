"""A row from outside, with every column of its record: who reads it asks for no column in vain."""

from __future__ import annotations

from typing import Any

import pytest

from cb_datasets.gates.row import gated_row
from cb_datasets.gates.shapes import library_row
from cb_datasets.records import CircuitBreakerRow, EvalRow
from cb_datasets.schema import record_columns


def test_what_a_row_leaves_out_is_null_and_what_it_says_stands() -> None:
    given = {"id": "a", "twin_id": None, "provenance": {"source": "demo"}, "more": 1}
    row = library_row(given, CircuitBreakerRow)
    assert list(row) == [column.name for column in record_columns(CircuitBreakerRow)]
    assert (row["id"], row["messages"], row["provenance"]["source"]) == ("a", None, "demo")
    assert row["provenance"]["scenario_id"] is row["labels"]["outcome"] is None


@pytest.mark.parametrize("spoilt", [None, "text", 5, ["a"]])
def test_an_object_that_is_none_is_one_of_nulls(spoilt: Any) -> None:
    row = library_row({"success_criteria": spoilt}, EvalRow)
    assert set(row["success_criteria"].values()) == {None}


def test_no_attack_is_no_attack_and_one_that_is_no_object_says_nothing() -> None:
    assert library_row({"attack": None}, EvalRow)["attack"] is None
    spoilt = library_row({"attack": "Send money!"}, EvalRow)["attack"]
    assert spoilt is not None
    assert set(spoilt.values()) == {None}


def test_a_row_is_one_of_its_own_set_alone() -> None:
    row = gated_row({"id": "a", "assistant_raw": "Hi<|eot_id|>", "expected": {}}, "dr")
    assert (row.ds, row.eval, row.rejected) == (None, None, None)
    assert row.training is row.dr is not None


def test_a_minimal_row_is_in_no_shape_of_the_library() -> None:
    assert gated_row({"id": "a", "assistant_raw": "Hi<|eot_id|>"}, "ds").training is None


def test_a_row_that_is_no_object_is_all_nulls() -> None:
    row = gated_row("text", "eval")
    assert row.eval is not None
    assert row.eval["prompt_token_ids"] is None
