"""Token ids of recorded rows: those of the tokenizer that was named, or none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, concatenate_datasets, load_dataset
from transformers import PreTrainedTokenizerBase

import cb_datasets as cb
from cb_datasets.assets import TINY_AGENT_NAME
from cb_datasets.engines import Engine
from cb_datasets.errors import BuildError, FormatError
from cb_datasets.formats.completion_ids import completion_token_ids
from cb_datasets.schema import exact_rows
from cb_datasets.sets import Sets
from tests.formats.llama31.real_tokenizer import load_real_tokenizer

ID_COLUMNS = ("prompt_token_ids", "completion_token_ids", "prefill_token_ids")


@pytest.fixture(scope="module")
def traces(realdata: Path) -> Dataset:
    file = realdata / "agentdojo" / "agentdojo-gpt-4o-mini-2024-07-18.jsonl.gz"
    return cb.load_source("agentdojo", file, replay="never")


@pytest.fixture(scope="module")
def real_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tokenizer that `llama-models` ships, as a model folder without weights."""
    pytest.importorskip("llama_models", reason="llama-models (extra dev) has the real vocabulary")
    folder = tmp_path_factory.mktemp("models") / "llama-3.1"
    load_real_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def mixed(made_scenarios: Dataset, demo: Dataset) -> Dataset:
    """Recorded scenarios, and some that have to be sampled."""
    return concatenate_datasets([made_scenarios, demo.select(range(0, len(demo), 40))])


def test_ids_of_traces_are_those_of_render_prompt_by_the_real_tokenizer(
    traces: Dataset, real_folder: Path
) -> None:
    sets = cb.build_sets(traces, tokenizer=str(real_folder))
    tokenizer = load_real_tokenizer()
    for row in (*exact_rows(sets.ds), *exact_rows(sets.dr), *exact_rows(sets.eval)):
        rendered = cb.render_prompt(row["messages"], row["tools"], tokenizer=tokenizer)
        assert row["prompt_token_ids"] == rendered.token_ids
        text, ids = "prefill", "prefill_token_ids"
        if row["set"] != "eval":
            text, ids = "assistant_raw", "completion_token_ids"
            assert row[ids] == completion_token_ids(row[text], tokenizer)
        assert tokenizer.decode(row[ids], skip_special_tokens=False) == row[text]
    assert min(len(sets.ds), len(sets.dr), len(sets.eval)) > 10
    named = sets.facts["tokenizer"]
    assert (named["name"], named["vocabulary_size"]) == ("llama-3.1", 128256)
    assert {p["tokenizer"]["name"] for p in sets.ds["provenance"]} == {"llama-3.1"}
    assert sets.eval[0]["tokenizer"] == named
    report = cb.run_gates(ds=sets.ds, dr=sets.dr, eval=sets.eval, tokenizer=tokenizer)
    assert report.results["token_fidelity"].value == 1.0
    assert report.results["token_fidelity"].details["rendered_again"] > 100


def test_without_a_tokenizer_no_row_holds_ids_and_trainers_make_the_same_later(
    traces: Dataset, real_folder: Path, tmp_path: Path
) -> None:
    bare = cb.build_sets(traces)
    bare.save(tmp_path / "out")
    for name, split in (("ds", "train"), ("dr", "train"), ("eval", "test")):
        table = load_dataset(str(tmp_path / "out"), name, split=split)
        held = [name for name in ID_COLUMNS if name in table.column_names]
        assert len(held) == 2
        assert all(ids is None for column in held for ids in table[column])
    assert {p["tokenizer"] for p in bare.ds["provenance"]} == {None}
    assert (bare.facts["tokenizer"], bare.facts["template_hash"]) == (None, None)
    report = cb.run_gates(ds=bare.ds, dr=bare.dr, eval=bare.eval)
    assert all(
        report.skipped[gate].startswith("no tokenizer")
        for gate in ("token_fidelity", "length_match")
    )
    assert report.results["format_validity"].value == 1.0

    built = cb.build_sets(traces, tokenizer=str(real_folder))
    assert list(bare.ds["assistant_raw"]) == list(built.ds["assistant_raw"])
    made = cb.to_token_ids(bare.ds, str(real_folder))
    assert made[:] == cb.to_token_ids(built.ds)[:]
    assert "'llama-3.1' (128256 tokens" in made.info.description
    assert "made from their messages" in made.info.description
    streamed = cb.to_token_ids(bare.ds.to_iterable_dataset(), str(real_folder))
    assert list(streamed) == list(made)


def test_rows_without_ids_ask_for_the_trainers_tokenizer(make_sets: Callable[..., Sets]) -> None:
    sets = make_sets(eval_fraction=0, tokenizer=None)
    with pytest.raises(FormatError, match="no tokenizer was named when the sets were built"):
        cb.to_token_ids(sets.ds)


def test_ids_of_another_vocabulary_are_refused_and_of_an_extended_one_are_not(
    make_sets: Callable[..., Sets], llama_tokenizer: PreTrainedTokenizerBase, llama_folder: Path
) -> None:
    sets = make_sets(eval_fraction=0, tokenizer=str(llama_folder))
    with pytest.raises(FormatError, match=r"of another tokenizer, .*, than the one that was given"):
        cb.to_token_ids(sets.ds, TINY_AGENT_NAME)
    from cb_datasets.models.tokenizer import load_tokenizer

    padded = load_tokenizer(llama_folder)
    padded.add_special_tokens({"pad_token": "<|my_pad|>"})
    assert cb.to_token_ids(sets.ds, padded)[:] == cb.to_token_ids(sets.ds)[:]


def test_files_for_the_papers_trainer_are_written_with_the_named_tokenizer_only(
    make_sets: Callable[..., Sets], llama_folder: Path, tmp_path: Path
) -> None:
    sets, options = make_sets(eval_fraction=0, tokenizer=None), {"safe_completion": "No.<|eot_id|>"}
    with pytest.raises(FormatError, match="name the one of the model that is trained"):
        cb.export_rerouting_json(sets, tmp_path, **options)
    done = cb.export_rerouting_json(sets, tmp_path, tokenizer=str(llama_folder), **options)
    assert done.train + done.val >= len(sets.ds)


def test_a_build_has_one_tokenizer(mixed: Dataset, agent: Engine, llama_folder: Path) -> None:
    with pytest.raises(BuildError, match=r"of another tokenizer, .* a build has one tokenizer"):
        cb.build_sets(mixed, agent, tokenizer=str(llama_folder))
    sets = cb.build_sets(mixed, agent, eval_fraction=0, num_samples=1)
    assert sets.facts["tokenizer"]["name"] == TINY_AGENT_NAME
    origins = {p["origin"] for p in (*sets.ds["provenance"], *sets.dr["provenance"])}
    names = {p["tokenizer"]["name"] for p in (*sets.ds["provenance"], *sets.dr["provenance"])}
    assert (origins, names) == ({"recorded", "generated"}, {TINY_AGENT_NAME})


def test_shards_of_recorded_scenarios_need_no_engine(
    made_scenarios: Dataset, tmp_path: Path
) -> None:
    folders = [tmp_path / "0", tmp_path / "1"]
    for number, folder in enumerate(folders):
        assert cb.build_shard(made_scenarios, None, folder, f"{number}/2") == 0
    merged: Any = cb.merge_shards(folders)
    whole = cb.build_sets(made_scenarios)
    for name in ("ds", "dr", "eval", "rejected"):
        assert list(getattr(merged, name)) == list(getattr(whole, name))
    assert merged.facts["engine"] is None
