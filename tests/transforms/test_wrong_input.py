"""Stages in another order, or rows of another kind: one sentence that says what is missing."""

from __future__ import annotations

from typing import Any

import pytest
from datasets import Dataset

import cb_datasets as cb
from cb_datasets.errors import BuildError, FormatError
from tests.transforms.conftest import scenario_row, scenario_table

FOREIGN = Dataset.from_list([{"text": "Hello", "label": 1}])


@pytest.mark.parametrize(
    ("stage", "sentence"),
    [
        (
            cb.BatchGenerate(None),
            "the column 'prompt_token_ids', which FormatPrompt adds",
        ),
        (
            cb.ParseToolCalls(),
            "ParseToolCalls reads the column 'assistant_raw', which",
        ),
        (
            cb.LabelOutcome(),
            "the column 'finish_reason', which BatchGenerate adds",
        ),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_stage_before_its_turn_names_the_one_that_is_missing(
    scenarios: Dataset, stage: Any, sentence: str, streamed: bool
) -> None:
    given: Any = scenarios.to_iterable_dataset() if streamed else scenarios
    with pytest.raises(FormatError) as refused:
        list(given.map(stage, batched=True))
    assert sentence in str(refused.value)
    assert str(refused.value).endswith(
        "the order is FormatPrompt, BatchGenerate, ParseToolCalls, LabelOutcome"
    )


def test_the_label_stage_before_the_parse_stage_is_told_so(scenarios: Dataset) -> None:
    recorded = scenarios.select([0]).map(cb.FormatPrompt(), batched=True)
    sampled = recorded.map(cb.BatchGenerate(None), batched=True)
    with pytest.raises(FormatError, match="reads the column 'content', which ParseToolCalls adds"):
        sampled.map(cb.LabelOutcome(), batched=True)


@pytest.mark.parametrize(
    ("stage", "column"), [(cb.FormatPrompt(), "messages"), (cb.LabelOutcome(), "expected")]
)
def test_rows_of_another_kind_are_told_what_they_lack(stage: Any, column: str) -> None:
    with pytest.raises(FormatError) as refused:
        FOREIGN.map(stage, batched=True)
    assert f"the column {column!r}, which a scenario of load_source has" in str(refused.value)
    assert "(columns: text, label)" in str(refused.value)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (FOREIGN, r"there is no column 'id' \(columns: text, label\); expected the Dataset of"),
        ([scenario_row(0)], "scenarios is of the type list; expected the Dataset of load_source"),
        ("demo", "scenarios is of the type str; expected the Dataset of load_source"),
        (FOREIGN.to_iterable_dataset(), "scenarios is of the type IterableDataset; expected the D"),
    ],
)
def test_a_build_of_what_are_no_scenarios_is_a_sentence(given: Any, sentence: str) -> None:
    with pytest.raises(BuildError, match=sentence):
        cb.build_sets(given)


def test_scenarios_of_a_table_are_scenarios() -> None:
    table = scenario_table([scenario_row(0)])
    assert len(cb.build_sets(table, eval_fraction=0).ds) == 0
