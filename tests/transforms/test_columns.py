"""What each transform adds, on `Dataset` and `IterableDataset`, batched, in one process or two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

import cb_datasets as cb
from cb_datasets.engines.protocol import Engine
from cb_datasets.formats import render_prompt
from cb_datasets.judge import Judgement
from cb_datasets.records import CompletionColumns, LabelColumns, ParseColumns, PromptColumns
from cb_datasets.schema import record_columns, record_features

TAG = "<|python_tag|>"


def names(record: type) -> list[str]:
    return [column.name for column in record_columns(record)]


@pytest.fixture(scope="module")
def engine(llama_folder: Path) -> Engine:
    return cb.load_engine("transformers", str(llama_folder))


def all_four(
    dataset: Any, tokenizer: PreTrainedTokenizerBase, engine: Engine, **how: Any
) -> list[dict[str, Any]]:
    for stage in (
        cb.FormatPrompt(tokenizer),
        cb.BatchGenerate(engine, num_samples=3, max_new_tokens=8, timestamp="2026-01-01"),
        cb.ParseToolCalls(),
        cb.LabelOutcome(),
    ):
        dataset = dataset.map(stage, batched=True, **how)
    return list(dataset)


def test_the_four_add_their_columns_and_make_a_row_a_sample(
    scenarios: Dataset, llama_tokenizer: PreTrainedTokenizerBase, engine: Engine
):
    rows = all_four(scenarios, llama_tokenizer, engine)
    ids = [f"{row['id']}#{row['sample_index']}" for row in rows]
    assert ids == ["s0#0", "s1#0", "s1#1", "s1#2", "s2#0", "s3#0", "s3#1", "s3#2", "s4#0", "s5#0"]
    for record in (PromptColumns, CompletionColumns, ParseColumns, LabelColumns):
        assert set(names(record)) <= set(rows[0])
    assert {row["origin"] for row in rows if row["id"] in ("s0", "s2")} == {"recorded"}
    assert {row["origin"] for row in rows if row["id"] in ("s1", "s3")} == {"generated"}


def test_stream_batch_size_and_processes_change_nothing(
    scenarios: Dataset, llama_tokenizer: PreTrainedTokenizerBase, engine: Engine
):
    rows = all_four(scenarios, llama_tokenizer, engine)
    assert all_four(scenarios, llama_tokenizer, engine, batch_size=2) == rows
    assert all_four(scenarios.to_iterable_dataset(), llama_tokenizer, engine, batch_size=3) == rows


def test_format_parse_and_label_are_the_same_in_two_processes(
    scenarios: Dataset, llama_tokenizer: PreTrainedTokenizerBase
):
    def recorded_only(num_proc: int | None) -> list[dict[str, Any]]:
        dataset = scenarios
        for stage in (
            cb.FormatPrompt(llama_tokenizer),
            cb.BatchGenerate(None, tokenizer=llama_tokenizer),
            cb.ParseToolCalls(),
            cb.LabelOutcome(),
        ):
            dataset = dataset.map(stage, batched=True, num_proc=num_proc)
        return list(dataset)

    assert recorded_only(2) == recorded_only(None)


def test_generation_is_the_same_in_two_processes(
    scenarios: Dataset, llama_tokenizer: PreTrainedTokenizerBase, engine: Engine
):
    prompts = scenarios.map(cb.FormatPrompt(llama_tokenizer), batched=True)
    generate = cb.BatchGenerate(engine, num_samples=2, max_new_tokens=8, timestamp="2026-01-01")
    assert list(prompts.map(generate, batched=True, num_proc=2)) == list(
        prompts.map(generate, batched=True)
    )


def test_prompts_are_those_of_render_prompt(
    scenarios: Dataset, llama_tokenizer: PreTrainedTokenizerBase
):
    rows = scenarios.map(cb.FormatPrompt(llama_tokenizer), batched=True)
    expected = render_prompt(scenarios[1]["messages"], tokenizer=llama_tokenizer)
    assert rows[1]["prompt_token_ids"] == expected.token_ids
    assert rows[1]["template_hash"] == expected.template_hash


def test_a_scenario_that_does_not_fit_is_set_aside_and_never_sampled(
    scenarios: Dataset, llama_tokenizer: PreTrainedTokenizerBase, engine: Engine
):
    rows = {row["id"]: row for row in all_four(scenarios, llama_tokenizer, engine)}
    assert rows["s4"]["set_aside"].startswith("format: message 1 (wizard)")
    assert rows["s5"]["set_aside"] == "api_failure: no answer"
    for name in ("s4", "s5"):
        assert rows[name]["prompt_token_ids"] == []
        assert rows[name]["completion_token_ids"] == []
        assert rows[name]["outcome"] == "error"


def test_a_recorded_completion_is_written_canonically_with_its_ids(
    scenarios: Dataset, llama_tokenizer: PreTrainedTokenizerBase
):
    prompts = scenarios.map(cb.FormatPrompt(llama_tokenizer), batched=True)
    row = prompts.map(cb.BatchGenerate(None, tokenizer=llama_tokenizer), batched=True)[0]
    assert row["assistant_raw"] == (
        TAG + '{"name": "f", "parameters": {"n": 0, "x": 0.1, "s": "é;{}"}}<|eom_id|>'
    )
    assert llama_tokenizer.decode(row["completion_token_ids"]) == row["assistant_raw"]
    assert row["completion_token_ids"][0] == llama_tokenizer.convert_tokens_to_ids(TAG)
    assert (row["finish_reason"], row["generator_model"]) == ("stop", "recorder")


def test_without_an_engine_a_scenario_without_a_record_is_an_error(
    scenarios: Dataset, llama_tokenizer: PreTrainedTokenizerBase
):
    prompts = scenarios.map(cb.FormatPrompt(llama_tokenizer), batched=True)
    rows = prompts.map(cb.BatchGenerate(None, tokenizer=llama_tokenizer), batched=True)
    assert rows[1]["finish_reason"] == "error"
    assert rows[1]["error"] == "no recorded completion and no engine"


def test_generated_ids_are_the_models_and_the_text_is_theirs(
    scenarios: Dataset, llama_tokenizer: PreTrainedTokenizerBase, engine: Engine
):
    rows = all_four(scenarios, llama_tokenizer, engine)
    for row in rows:
        if row["origin"] == "generated" and row["finish_reason"] != "error":
            decoded = engine.tokenizer.decode(
                row["completion_token_ids"], skip_special_tokens=False
            )
            assert decoded == row["assistant_raw"]
            if row["finish_reason"] == "length":
                assert row["outcome"] == "truncated"


def test_column_types_are_the_records_whatever_the_first_batch_holds():
    """Types are taken from the first batch: nulls only, or the arguments of one tool only."""
    calls = ['{"a": 1, "b": 2}', '{"a": 1}', '{"c": "x"}', '{"a": "y", "b": null}']
    raws = [f'{TAG}{{"name": "f", "parameters": {call}}}<|eom_id|>' for call in calls]
    raws += ["Hi.<|eot_id|>", TAG + "print(1)<|eom_id|>", "cut", TAG + "{"]
    rows = {
        "assistant_raw": raws,
        "finish_reason": ["stop"] * 8,
        "error": [None] * 8,
        "attack": [None] * 8,
        "expected": [{"behavior": "answer", "calls": [{"name": "f", "arguments": "{}"}]}] * 8,
    }
    dataset = Dataset.from_dict(rows)
    dataset = dataset.map(cb.ParseToolCalls(), batched=True, batch_size=1)
    dataset = dataset.map(cb.LabelOutcome(), batched=True, batch_size=1)
    for record in (ParseColumns, LabelColumns):
        for name, kind in record_features(record).items():
            assert dataset.features[name] == kind, name
    assert [[c["arguments"] for c in made] for made in dataset["tool_calls_structured"]] == [
        [{"a": 1, "b": 2}], [{"a": 1}], [{"c": "x"}], [{"a": "y", "b": None}], [], [], [], [],
    ]  # fmt: skip
    assert dataset["code"][5] == "print(1)"


def failing_judge(parsed: Any, **given: Any) -> Judgement:
    raise RuntimeError("no connection")


def constant_judge(parsed: Any, **given: Any) -> Judgement:
    return Judgement("no_tool", "as always")


def test_a_judge_that_fails_is_an_error_and_no_negative():
    batch = {
        "assistant_raw": ["Hi.<|eot_id|>"],
        "finish_reason": ["stop"],
        "error": [None],
        "attack": [None],
        "expected": [{"behavior": "answer", "calls": []}],
    }
    batch.update(cb.ParseToolCalls()(batch))
    failed = cb.LabelOutcome(failing_judge)(batch)
    assert failed["outcome"] == ["error"]
    assert "no connection" in failed["outcome_reason"][0]
    assert cb.LabelOutcome(constant_judge)(batch)["outcome_reason"] == ["as always"]


@pytest.mark.parametrize("raw", [None, "", TAG, TAG + "{" * 500, '{"name": "f", "parameters": {}}'])
def test_any_output_is_parsed_and_labelled(raw: str | None):
    batch = {"assistant_raw": [raw], "finish_reason": ["stop"], "error": [None], "attack": [None]}
    batch["expected"] = [{"behavior": "answer", "calls": []}]
    batch.update(cb.ParseToolCalls()(batch))
    assert len(cb.LabelOutcome()(batch)["outcome"]) == 1
