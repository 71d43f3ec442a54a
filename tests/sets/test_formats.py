"""Recorded runs are written in the format of the tokenizer that is named."""

from __future__ import annotations

from typing import Any

import pytest
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

import cb_datasets as cb
from cb_datasets.errors import FormatError
from cb_datasets.sets import Sets
from tests.fixtures.chatml import chatml_tokenizer

TOKENIZER = chatml_tokenizer(tags_are_tokens=True)


@pytest.fixture(scope="module")
def sets() -> Sets:
    scenarios = cb.load_source("demo").select(range(40))
    return cb.build_sets(_told(scenarios), tokenizer=TOKENIZER, eval_fraction=0.3)


def _told(scenarios: Dataset) -> Dataset:
    """Each with the right call as its recorded completion."""

    def told(scenario: dict[str, Any]) -> dict[str, Any]:
        calls = [
            {
                "name": call["name"],
                "arguments": {
                    name: next(iter(how.values())) if isinstance(how, dict) else how
                    for name, how in (call["arguments"] or {}).items()
                },
            }
            for call in scenario["expected"]["calls"][:1]
        ]
        empty = dict.fromkeys(scenarios.features["recorded"])
        return {"recorded": {**empty, "content": "", "calls": calls}}

    return scenarios.map(told, features=scenarios.features)


def test_rows_say_their_format_and_are_written_in_it(sets: Sets) -> None:
    assert sets.facts["format"] == "chatml"
    rows = [*sets.ds, *sets.dr]
    assert rows
    for row in rows:
        assert row["provenance"]["format"] == "chatml"
        assert row["assistant_raw"].startswith('<tool_call>\n{"name": "')
        assert row["assistant_raw"].endswith("}\n</tool_call><|im_end|>")
        assert row["tool_calls_structured"]
        assert TOKENIZER.decode(row["completion_token_ids"]) == row["assistant_raw"]


def test_forced_calls_begin_as_the_format_writes_calls(sets: Sets) -> None:
    forced = {row["prefill_kind"]: row["prefill"] for row in sets.eval if row["prefill"]}
    assert forced.keys() == {"tag", "tag_tool", "json_arguments", "prose_call"}
    assert forced["tag"] == "<tool_call>\n"
    assert forced["prose_call"].startswith("Sure, I will do that now.\n<tool_call>\n{")
    assert {row["format"] for row in sets.eval} == {"chatml"}


def test_gates_read_rows_by_their_format(sets: Sets) -> None:
    report = cb.run_gates(ds=sets.ds, dr=sets.dr, eval=sets.eval, tokenizer=TOKENIZER)
    for name in ("format_validity", "token_fidelity"):
        assert report.results[name].passed, report.results[name].summary


def test_a_tokenizer_of_another_format_is_refused(
    sets: Sets, llama_tokenizer: PreTrainedTokenizerBase
) -> None:
    rows = sets.dr if len(sets.dr) else sets.ds
    with pytest.raises(FormatError, match=r"written in the ChatML .* given is one of Llama 3\.1"):
        cb.to_token_ids(rows, tokenizer=llama_tokenizer)
