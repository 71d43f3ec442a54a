"""What trainers of pairs open: each export says what the pair holds, and nothing else."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

import cb_datasets as cb
from cb_datasets.records import SET_RECORDS
from cb_datasets.schema import exact_rows, set_table
from cb_datasets.sets import Sets
from cb_datasets.training import TrainerRows
from cb_datasets.training.exports.secalign import parted

EXPORTS = ("trl_dpo", "lat", "repbend", "secalign")


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    from cb_datasets.models.tokenizer import load_tokenizer

    return load_tokenizer(None)


@pytest.fixture(scope="module")
def made(sets: Sets) -> dict[str, TrainerRows]:
    return {name: cb.trainer_rows(sets, name) for name in (*EXPORTS, "trl_sft", "conversations")}


def whole(sets: Sets) -> list[dict[str, Any]]:
    return [row for row in exact_rows(sets.pairs) if row["rejected"]]


def first(rows: TrainerRows) -> Dataset:
    return next(iter(rows.tables.values()))


@pytest.mark.parametrize("name", EXPORTS)
def test_pairs_with_one_side_are_left_out_with_the_reason(
    name: str, sets: Sets, made: dict[str, TrainerRows]
) -> None:
    assert 0 < len(first(made[name])) == len(whole(sets)) < len(sets.pairs)
    alone = len(sets.pairs) - len(whole(sets))
    assert made[name].left_out == {"a pair without a harmful completion": alone}


def test_dpo_holds_both_completions_as_messages_and_by_ids(
    sets: Sets, made: dict[str, TrainerRows]
) -> None:
    for pair, row in zip(whole(sets), exact_rows(first(made["trl_dpo"])), strict=True):
        assert (row["prompt"], row["tools"]) == (pair["messages"], pair["tools"])
        assert row["prompt_ids"] == pair["prompt_token_ids"]
        for side in ("chosen", "rejected"):
            assert row[f"{side}_ids"] == pair[side]["completion_token_ids"]
            (message,) = row[side]
            calls = [call["function"] for call in message.get("tool_calls", [])]
            assert calls == pair[side]["tool_calls_structured"]
        place = pair["diverges_at"]
        assert row["chosen_ids"][:place] == row["rejected_ids"][:place]


def test_lat_text_is_tokenized_as_it_was(
    made: dict[str, TrainerRows], tokenizer: PreTrainedTokenizerBase
) -> None:
    for row in first(made["lat"]):
        for text, ids in (
            ("prompt", "prompt_tokens"),
            ("adv_completion", "adv_tokens"),
            ("def_completion", "def_tokens"),
        ):
            assert tokenizer(row[text], add_special_tokens=False)["input_ids"] == row[ids]


def test_repbend_writes_the_same_request_twice_and_pools_of_both_sets(
    sets: Sets, made: dict[str, TrainerRows], tokenizer: PreTrainedTokenizerBase
) -> None:
    """As its dataset does: user tag, prompt, assistant tag; a begin-of-text before it."""
    user = "<|start_header_id|>user<|end_header_id|>\n\n"
    assistant = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    for pair, row in zip(whole(sets), first(made["repbend"]), strict=True):
        text = f"{user}{row['prompt']}{assistant}"
        ids = [tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"]]
        # It writes "user" where the model read "system".
        assert ids[:2] + ids[3:] == pair["prompt_token_ids"][:2] + pair["prompt_token_ids"][3:]
        assert row["prompt_type"] == "harmful"
        assert row["harmful_answer"] == pair["rejected"]["assistant_raw"]
        assert row["harmless_answer"] == pair["chosen"]["assistant_raw"]
    pools = made["repbend"].tables["pools"]
    kinds = list(zip(pools["response_harm_label"], pools["response_refusal_label"], strict=True))
    assert kinds.count(("harmful", "compliance")) == len(sets.ds)
    refusals = sum(labels["is_refusal"] for labels in sets.dr["labels"])
    assert kinds.count(("unharmful", "refusal")) == refusals
    assert len(kinds) == len(sets.ds) + len(sets.dr)


def test_secalign_gives_the_injection_a_role_of_its_own(
    sets: Sets, made: dict[str, TrainerRows]
) -> None:
    for pair, row in zip(whole(sets), exact_rows(first(made["secalign"])), strict=True):
        injection = pair["attack"]["injection"]
        holding = {m["role"] for m in row["prompt"] if injection in str(m.get("content"))}
        assert holding == {"input"}
        assert "tool" not in {message["role"] for message in row["prompt"]}
        assert row["chosen"] == pair["chosen"]["assistant_raw"]
        assert row["rejected"] == pair["rejected"]["assistant_raw"]


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ({"role": "user", "content": "Go. X Y"}, [("user", "Go."), ("input", "X"), ("user", "Y")]),
        ({"role": "user", "content": "XX"}, [("input", "X"), ("input", "X")]),
        ({"role": "user", "content": "Go."}, [("user", "Go.")]),
        ({"role": "tool", "content": {"a": "é"}}, [("input", '{"a": "é"}')]),
        ({"role": "assistant", "content": "X"}, [("assistant", "X")]),
    ],
)
def test_messages_are_parted_where_the_injection_stands(
    message: dict[str, Any], parts: list[tuple[str, str]]
) -> None:
    assert [(part["role"], part["content"]) for part in parted(message, "X")] == parts


def test_right_completions_under_attack_are_there_for_fine_tuning(
    sets: Sets, made: dict[str, TrainerRows]
) -> None:
    tokens, said = (made[name].tables["pairs"] for name in ("trl_sft", "conversations"))
    assert len(tokens) == len(said) == len(sets.pairs)
    for pair, row, talk in zip(exact_rows(sets.pairs), tokens, exact_rows(said), strict=True):
        ids = pair["chosen"]["completion_token_ids"]
        assert row["input_ids"] == [*pair["prompt_token_ids"], *ids]
        assert [label for label in row["labels"] if label >= 0] == ids
        assert talk["prompt"] == pair["messages"]


def test_a_mask_from_where_a_pair_parts_is_that_of_both_its_rows(sets: Sets) -> None:
    made = cb.trainer_rows(sets, "rrfa", mask="after_divergence")
    known = {
        (side["row_id"], pair["diverges_at"])
        for pair in whole(sets)
        for side in (pair["chosen"], pair["rejected"])
        if side["row_id"]
    }
    places = {}
    for name, table in (("ds", sets.ds), ("dr", sets.dr)):
        masks = iter(made.tables[f"{name}_lossmasks"])
        for row in table:
            if row["id"] in dict(known):
                mask = next(masks)["loss_mask"]
                places[row["id"]] = mask.index(1) - len(row["prompt_token_ids"])
                assert all(mask[mask.index(1) :])
        assert next(masks, None) is None
    assert set(places.items()) == known
    assert "its completion is in no pair with another" in made.left_out


def test_text_that_would_become_control_tokens_is_left_out(sets: Sets) -> None:
    rows = list(exact_rows(sets.pairs))
    place = next(n for n, row in enumerate(rows) if row["rejected"])
    rows[place]["provenance"]["neutralized_control_tokens"] = 1
    changed = dataclasses.replace(sets, pairs=set_table(rows, SET_RECORDS["pairs"]))
    reason = "control tokens stand in its text, which would become real ones"
    for name in ("lat", "repbend"):
        made = cb.trainer_rows(changed, name)
        assert made.left_out[reason] == 1
        assert len(first(made)) == len(whole(sets)) - 1
