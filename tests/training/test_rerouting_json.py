"""The export for the circuit breaker paper's trainer, read as that trainer reads it."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerBase

import cb_datasets as cb
from cb_datasets.errors import FormatError
from cb_datasets.records import SET_RECORDS
from cb_datasets.schema import set_table
from cb_datasets.sets import Sets

USER_TAG = "<|start_header_id|>user<|end_header_id|>\n\n"
ASSISTANT_TAG = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"


class Rerouting:
    """What the trainer makes of its data folder: prompt and output padded to 512 tokens each."""

    def __init__(self, folder: Path, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        train = json.loads((folder / "circuit_breakers_train.json").read_text())
        val = json.loads((folder / "circuit_breakers_val.json").read_text())
        with open(folder / "xstest_v2_completions_gpt4_gpteval.csv", newline="") as stream:
            borderline = list(csv.DictReader(stream))
        full = [row for row in borderline if row["final_label"] == "1_full_compliance"]
        self.break_ = [self.text(row["prompt"], row["output"]) for row in train]
        self.val = [self.text(row["prompt"], row["output"]) for row in val]
        self.retain = [self.text(row["prompt"], row["completion"]) for row in full]
        self.retain += [self.text(row["prompt"], row["llama3_output"]) for row in train]

    @staticmethod
    def text(prompt: str, output: str) -> str:
        return f"{USER_TAG}{prompt}{ASSISTANT_TAG}<SEPARATOR>{output}"

    def request_and_response(self, text: str) -> tuple[list[int], list[int]]:
        request, response = text.split("<SEPARATOR>")
        kept = []
        for side, part in (("left", request), ("right", response)):
            self.tokenizer.padding_side = side
            made: Any = self.tokenizer(
                part,
                max_length=512,
                padding="max_length",
                truncation=True,
                add_special_tokens=False,
            )
            pairs = zip(made["input_ids"], made["attention_mask"], strict=True)
            kept.append([token for token, counts in pairs if counts])
        return kept[0], kept[1]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    from cb_datasets.models.tokenizer import load_tokenizer

    return load_tokenizer(None)


def test_the_trainer_reads_what_the_model_read_but_for_one_word(
    sets: Sets, tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    done = cb.export_rerouting_json(sets, tmp_path, val_fraction=0.3)
    read = Rerouting(tmp_path, tokenizer)
    assert (len(read.break_), len(read.val)) == (done.train, done.val)
    assert len(read.retain) == done.retain + done.train
    assert min(done.train, done.val, done.retain) > 0
    rows = {row["assistant_raw"] + str(row["prompt_token_ids"]): row for row in sets.ds}
    one_word = {}
    for row in rows.values():
        text = tokenizer.decode(row["prompt_token_ids"])
        one_word[re.sub("^<.begin_of_text.><.start_header_id.>system", "", text, count=1)] = row
    for text in [*read.break_, *read.val]:
        request, response = read.request_and_response(text)
        # The trainer writes "user" where the model read "system".
        row = one_word[tokenizer.decode(request).removeprefix("<|start_header_id|>user")]
        assert request[2:] == row["prompt_token_ids"][3:]
        assert tokenizer.decode(response) in {
            r["assistant_raw"] for r in sets.ds if r["prompt_token_ids"] == row["prompt_token_ids"]
        }


def test_llama3_output_is_a_right_completion_of_the_prompt_or_of_its_twin(
    sets: Sets, tmp_path: Path
) -> None:
    done = cb.export_rerouting_json(sets, tmp_path, val_fraction=0)
    right = {row["assistant_raw"] for row in sets.dr}
    train = json.loads((tmp_path / "circuit_breakers_train.json").read_text())
    assert {row["llama3_output"] for row in train} <= right
    assert not {row["llama3_output"] for row in train} & {row["output"] for row in train}
    lonely = done.left_out.get("no right completion of the prompt in Dr", 0)
    assert done.train + lonely == len(sets.ds)
    filled = cb.export_rerouting_json(
        sets, tmp_path, val_fraction=0, safe_completion="No.<|eot_id|>"
    )
    # The trainer wants a val file with something in it.
    assert (filled.train, filled.val) == (len(sets.ds), 1)
    assert json.loads((tmp_path / "circuit_breakers_val.json").read_text()) == [
        json.loads((tmp_path / "circuit_breakers_train.json").read_text())[0]
    ]


def test_a_group_is_in_one_file_only_and_always_the_same(sets: Sets, tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        cb.export_rerouting_json(sets, tmp_path / name, val_fraction=0.3)
        files.append({f.name: f.read_bytes() for f in (tmp_path / name).iterdir()})
    assert files[0] == files[1]


def test_text_that_would_become_control_tokens_is_left_out(sets: Sets, tmp_path: Path) -> None:
    rows = list(sets.ds)
    rows[0]["provenance"]["neutralized_control_tokens"] = 1
    changed = dataclasses.replace(sets, ds=set_table(rows, SET_RECORDS["ds"]))
    done = cb.export_rerouting_json(changed, tmp_path)
    assert done.left_out["control tokens stand in its text, which would become real ones"] == 1


def test_ids_of_another_tokenizer_are_refused(
    sets: Sets, llama_tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    with pytest.raises(FormatError, match="of another tokenizer"):
        cb.export_rerouting_json(sets, tmp_path, tokenizer=llama_tokenizer)
    assert list(tmp_path.iterdir()) == []


def test_sets_without_ds_are_refused(sets: Sets, tmp_path: Path) -> None:
    empty = dataclasses.replace(sets, ds=sets.ds.select(range(0)))
    with pytest.raises(FormatError, match="there is nothing to train on"):
        cb.export_rerouting_json(empty, tmp_path)
