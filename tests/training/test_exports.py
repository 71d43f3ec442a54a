"""Every export, by the one way to all of them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from datasets import Dataset, load_dataset
from transformers import PreTrainedTokenizerBase

import cb_datasets as cb
from cb_datasets.errors import BuildError, FormatError
from cb_datasets.records import SET_RECORDS
from cb_datasets.schema import exact_rows, record_features, set_table
from cb_datasets.sets import Sets
from cb_datasets.training import TrainerRows
from cb_datasets.training.exports import EXPORTS

NAMES = cb.list_exports()


@pytest.fixture(scope="module")
def made(sets: Sets) -> dict[str, TrainerRows]:
    return {name: cb.trainer_rows(sets, name) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_files_hold_the_tables_row_for_row(
    name: str, made: dict[str, TrainerRows], tmp_path: Path
) -> None:
    rows = made[name]
    counts = rows.save(tmp_path)
    assert counts == {file: len(rows.tables[table]) for table, file in rows.files.items()}
    for table, of in EXPORTS.find(name).tables.items():
        assert rows.tables[table].features == record_features(of.record)
        path = tmp_path / of.file
        if path.suffix == ".jsonl":
            read = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
            for line, row in zip(read, exact_rows(rows.tables[table]), strict=True):
                assert line.items() <= row.items()
            opened = load_dataset("json", data_files=str(path), split="train")
            assert len(opened) == len(rows.tables[table])
        elif path.suffix == ".json":
            assert json.loads(path.read_text("utf-8")) == list(exact_rows(rows.tables[table]))
    with pytest.raises(BuildError, match=r"exists; --overwrite replaces it"):
        rows.save(tmp_path, overwrite=False)


@pytest.mark.parametrize("name", NAMES)
def test_ids_of_another_tokenizer_are_refused(
    name: str, sets: Sets, llama_tokenizer: PreTrainedTokenizerBase
) -> None:
    with pytest.raises(FormatError, match="of another tokenizer"):
        cb.trainer_rows(sets, name, tokenizer=llama_tokenizer)


def test_what_cannot_be_exported_is_a_sentence(sets: Sets) -> None:
    with pytest.raises(FormatError, match="there is no export 'rfra', did you mean 'rrfa'"):
        cb.trainer_rows(sets, "rfra")
    with pytest.raises(FormatError, match="the export 'rrfa' has no option 'masks', did you mean"):
        cb.trainer_rows(sets, "rrfa", masks="full")
    with pytest.raises(FormatError, match="mask is 'all'; it must be"):
        cb.trainer_rows(sets, "rrfa", mask="all")
    empty = {name: getattr(sets, name).select([]) for name in ("ds", "dr", "pairs")}
    nothing = dataclasses.replace(sets, **empty)
    for name in NAMES:
        with pytest.raises(FormatError, match=r"nothing to train on|name it"):
            cb.trainer_rows(nothing, name)


def bare(table: Dataset, name: str) -> Dataset:
    rows = list(exact_rows(table))
    for row in rows:
        row["prompt_token_ids"] = row["completion_token_ids"] = row["provenance"]["tokenizer"] = (
            None
        )
        row["provenance"]["generator_model"] = None
    return set_table(rows, SET_RECORDS[name])


def test_rows_without_ids_are_text_until_a_tokenizer_is_named(
    sets: Sets, made: dict[str, TrainerRows]
) -> None:
    few = dataclasses.replace(
        sets,
        ds=bare(sets.ds.select(range(2)), "ds"),
        dr=bare(sets.dr.select(range(2)), "dr"),
        pairs=sets.pairs.select([]),
    )
    kto = cb.trainer_rows(few, "trl_kto").tables["train"]
    assert set(kto["prompt_ids"]) == {None}
    assert kto["completion"][0] == made["trl_kto"].tables["train"]["completion"][0]
    for name in ("rrfa", "trl_sft"):
        with pytest.raises(FormatError, match=r"name it|name the one"):
            cb.trainer_rows(few, name)
    named = cb.trainer_rows(few, "rrfa", tokenizer=cb.load_engine().tokenizer)
    held = made["rrfa"].tables["ds_renders"]
    assert named.tables["ds_renders"]["input_ids"][:] == held["input_ids"][:2]


def test_loss_masks_are_those_of_token_ids(sets: Sets) -> None:
    tokenizer = cb.load_engine().tokenizer
    made = cb.trainer_rows(sets, "trl_sft", mask="action_prefix")
    wanted = cb.to_token_ids(sets.dr, tokenizer, mask="action_prefix")
    assert made.tables["dr"].to_dict() == wanted.to_dict()
