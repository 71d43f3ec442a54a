"""Recorded runs are written in the format of the tokenizer that is named, whichever it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

import cb_datasets as cb
from cb_datasets.errors import BuildError, FormatError
from cb_datasets.formats import find_format, format_of
from cb_datasets.sets import Sets
from tests.formats.speakers import speaker

TEMPLATES = {
    "chatml": "in short",
    "llama4": "json",
    "mistral": "v7 in short",
    "mistral11": "in short",
    "harmony": "in short",
}
"""By format, a template of it."""


@pytest.fixture(scope="module", params=list(TEMPLATES))
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerBase:
    return speaker(request.param).tokenizer(TEMPLATES[request.param])


@pytest.fixture(scope="module")
def sets(tokenizer: PreTrainedTokenizerBase) -> Sets:
    scenarios = cb.load_source("demo").select(range(40))
    return cb.build_sets(_told(scenarios), tokenizer=tokenizer, eval_fraction=0.3)


def _told(scenarios: Dataset, spoken: str | None = None) -> Dataset:
    """Each with the right call as its recorded completion; as text, if a format is named."""

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
        raw = cb.render_completion("", calls, format=spoken) if spoken and calls else None
        return {"recorded": {**empty, "content": "", "calls": calls, "raw": raw}}

    return scenarios.map(told, features=scenarios.features)


def test_rows_say_their_format_and_are_written_in_it(
    sets: Sets, tokenizer: PreTrainedTokenizerBase
) -> None:
    known = format_of(tokenizer)
    assert sets.facts["format"] == known.name
    rows = [*sets.ds, *sets.dr]
    assert rows
    for row in rows:
        assert row["provenance"]["format"] == known.name
        assert row["assistant_raw"].startswith(known.calls.tag)
        assert row["assistant_raw"].endswith(known.calls.close + known.end_tokens[known.ends[0]])
        assert row["tool_calls_structured"]
        assert tokenizer.decode(row["completion_token_ids"]) == row["assistant_raw"]


def test_forced_calls_begin_as_the_format_writes_calls(
    sets: Sets, tokenizer: PreTrainedTokenizerBase
) -> None:
    syntax = format_of(tokenizer).calls
    forced = {row["prefill_kind"]: row["prefill"] for row in sets.eval if row["prefill"]}
    bare = {"bare_json"} if syntax.bare else set()
    assert forced.keys() == {"tag", "tag_tool", "json_arguments", "prose_call"} | bare
    assert forced["tag"] == syntax.tag
    prose = f"{syntax.before_prose}Sure, I will do that now.{syntax.behind_prose}"
    assert forced["prose_call"].startswith(prose + syntax.tag)
    assert {row["format"] for row in sets.eval} == {format_of(tokenizer).name}


def test_gates_read_rows_by_their_format(sets: Sets, tokenizer: PreTrainedTokenizerBase) -> None:
    report = cb.run_gates(ds=sets.ds, dr=sets.dr, eval=sets.eval, tokenizer=tokenizer)
    for name in ("format_validity", "token_fidelity", "synthetic_markers"):
        assert report.results[name].passed, report.results[name].summary


def test_rows_of_several_formats_are_of_no_one_model(sets: Sets) -> None:
    rows = list(sets.dr)
    other = {"format": "llama31", "assistant_raw": "No.<|eot_id|>", "tool_calls_structured": []}
    said = {**rows[0]["provenance"], "format": other.pop("format")}
    others = [{**rows[0], **other, "id": "llama", "set": "dr", "provenance": said}]
    for mixed in (False, True):
        result = cb.run_gates(dr=[*rows, *others], mixed_formats=mixed).results["format_validity"]
        assert result.passed == mixed
        assert ("several formats" in result.summary) != mixed


def test_a_tokenizer_of_another_format_is_refused(
    sets: Sets, tokenizer: PreTrainedTokenizerBase, llama_tokenizer: PreTrainedTokenizerBase
) -> None:
    rows = sets.dr if len(sets.dr) else sets.ds
    told = rf"written in the {format_of(tokenizer).title} format.* given is one of Llama 3\.1"
    with pytest.raises(FormatError, match=told.replace("(", r"\(").replace(")", r"\)")):
        cb.to_token_ids(rows, tokenizer=llama_tokenizer)


@pytest.mark.parametrize("spoken", list(TEMPLATES))
def test_a_recorded_text_of_another_format_is_written_anew(
    spoken: str, llama_tokenizer: PreTrainedTokenizerBase
) -> None:
    scenarios = _told(cb.load_source("demo").select(range(12)), find_format(spoken).name)
    sets = cb.build_sets(scenarios, tokenizer=llama_tokenizer, eval_fraction=0)
    rows = [*sets.ds, *sets.dr]
    assert rows
    assert {row["assistant_raw"][: len("<|python_tag|>{")] for row in rows} == {"<|python_tag|>{"}


def test_shards_are_of_one_format(
    tokenizer: PreTrainedTokenizerBase, llama_tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    scenarios = _told(cb.load_source("demo").select(range(12)))
    whole = cb.build_sets(scenarios, tokenizer=tokenizer, eval_fraction=0)
    own, others = tmp_path / "own", tmp_path / "others"
    for folder, given in ((own, tokenizer), (others, llama_tokenizer)):
        for number in range(2):
            cb.build_shard(
                scenarios,
                None,
                folder / str(number),
                f"{number}/2",
                tokenizer=given,
                eval_fraction=0,
            )
    merged = cb.merge_shards([own / "1", own / "0"])
    assert list(merged.dr) == list(whole.dr)
    assert merged.facts["format"] == format_of(tokenizer).name
    with pytest.raises(BuildError, match="they differ in"):
        cb.merge_shards([own / "0", others / "1"])
