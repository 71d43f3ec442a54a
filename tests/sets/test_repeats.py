"""Samples of one scenario that say the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from transformers import PreTrainedTokenizerBase

import cb_datasets as cb
from cb_datasets.engines.protocol import Generation, GenerationRequest, SamplingParams
from cb_datasets.formats import render_completion
from cb_datasets.formats.completion_ids import completion_token_ids
from cb_datasets.records import Scenario
from cb_datasets.schema import set_table
from cb_datasets.sets import Sets
from cb_datasets.sets.repeats import Repeat, SampleRepeats


class Parrot:
    """An engine that gives the samples it was told to."""

    name, model, revision = "parrot", "parrot", "1"

    def __init__(self, tokenizer: PreTrainedTokenizerBase, said: list[str]) -> None:
        self.tokenizer = tokenizer
        self._said = said

    def fingerprint(self) -> str:
        return str(self._said)

    def generate(
        self, requests: Sequence[GenerationRequest], sampling: SamplingParams
    ) -> Iterator[Generation]:
        for request in requests:
            text = self._said[int(request.key.rpartition("#sample")[2])]
            ids = completion_token_ids(text, self.tokenizer)
            yield Generation(request.key, ids, text, "stop")


def built(
    one: Scenario, tokenizer: PreTrainedTokenizerBase, said: list[str], **options: Any
) -> Sets:
    engine: Any = Parrot(tokenizer, said)
    table = set_table([one], Scenario)
    return cb.build_sets(table, engine, num_samples=len(said), eval_fraction=0.0, **options)


def web(query: str) -> str:
    return render_completion("", [{"name": "search_web", "arguments": {"query": query}}])


LONG = "the notes of the last meeting on the new garden behind the old house by the river"


def reasons(sets: Sets) -> dict[int, tuple[str, str]]:
    return {row["sample_index"]: (row["reason"], row["detail"]) for row in sets.rejected}


def test_a_sample_that_repeats_another_names_it(
    scenario: Any, llama_tokenizer: PreTrainedTokenizerBase
) -> None:
    said = [web(LONG), web("flowers"), web(LONG), web(LONG.upper()), web(f"{LONG}.")]
    sets = built(scenario("s", attacked=True), llama_tokenizer, said)
    assert [row["id"] for row in sets.ds] == ["s#sample0", "s#sample1"]
    assert reasons(sets) == {
        2: ("duplicate", "the same completion as s#sample0"),
        3: ("near_duplicate", "nearly the same completion as s#sample0"),
        4: ("near_duplicate", "nearly the same completion as s#sample0"),
    }


def test_without_near_duplicates_only_the_same_text_is_a_repeat(
    scenario: Any, llama_tokenizer: PreTrainedTokenizerBase
) -> None:
    said = [web(LONG), web(f"{LONG}."), web(LONG)]
    sets = built(scenario("s", attacked=True), llama_tokenizer, said, near_duplicates=None)
    assert len(sets.ds) == 2
    assert set(reasons(sets)) == {2}


@pytest.mark.parametrize(
    "other",
    [web(f"{LONG} 5"), web("trees in the park"), web(LONG).replace("search_web", "search_wet")],
    ids=["another number", "another query", "another tool"],
)
def test_another_order_is_no_repeat(other: str) -> None:
    samples = SampleRepeats(0.9)

    def row(raw: str) -> dict[str, Any]:
        return {
            "assistant_raw": raw,
            "tool_calls_structured": [
                {"name": call.name, "arguments": call.arguments}
                for call in cb.parse_completion(raw).calls
            ],
        }

    assert samples.find("ds", "s#sample0", row(web(LONG))) is None
    assert samples.find("ds", "s#sample1", row(other)) is None
    assert samples.find("ds", "s#sample2", row(web(LONG))) == Repeat("s#sample0", near=False)
    assert samples.find("dr", "s#sample3", row(web(LONG))) is None


def test_what_could_not_be_redacted_is_not_named_as_kept(
    scenario: Any, llama_tokenizer: PreTrainedTokenizerBase
) -> None:
    hidden = scenario("s", attacked=True, messages=[{"role": "user", "content": "Find s."}])
    sets = built(hidden, llama_tokenizer, [web(LONG)] * 2, redact_harmful_prompt=True)
    assert [reason for reason, _ in reasons(sets).values()] == ["not_redacted"] * 2
