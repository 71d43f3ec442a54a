"""RRFA's files, field by field, and as its trainer joins and cuts them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, get_args

import jsonschema
import numpy as np
import pytest
from transformers import PreTrainedTokenizerBase

import cb_datasets as cb
from cb_datasets.records import SET_RECORDS
from cb_datasets.schema import exact_rows, set_table
from cb_datasets.sets import Sets
from cb_datasets.training import MaskPolicy

NUMBER, TEXT, FLAG = {"type": "integer"}, {"type": "string"}, {"type": "boolean"}
NUMBERS = {"type": "array", "items": NUMBER}


def closed(fields: dict[str, Any], *optional: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": fields,
        "required": [name for name in fields if name not in optional],
        "additionalProperties": False,
    }


RENDER = closed(
    {
        "render_id": {"type": "string", "pattern": "^render_[a-z0-9_-]+_[a-f0-9]{16,64}$"},
        "trace_id": {"type": "string", "pattern": "^trace_[a-z0-9_]+_[a-f0-9]{16,64}$"},
        "tokenizer_id": TEXT,
        "input_ids": NUMBERS,
        "attention_mask": {"type": "array", "items": {"enum": [0, 1]}},
        "sequence_length": NUMBER,
        "created_at": {"type": "string", "format": "date-time"},
        "render_options": closed(
            {
                "chat_template_name": TEXT,
                "add_generation_prompt": FLAG,
                "tools_included": FLAG,
                "max_length": NUMBER,
                "truncation_side": {"enum": ["left", "right"]},
            }
        ),
        "alignment": closed(
            {
                "message_spans": {
                    "type": "array",
                    "items": closed(
                        {
                            "message_index": NUMBER,
                            "role": {"enum": ["system", "user", "assistant", "tool"]},
                            "token_start": NUMBER,
                            "token_end": NUMBER,
                        }
                    ),
                }
            }
        ),
        "special_tokens": closed({"bos_position": NUMBER, "eos_positions": NUMBERS}),
    },
    "created_at",
)
WEIGHTS = {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}}
LOSSMASK = closed(
    {
        "lossmask_id": {"type": "string", "pattern": "^lossmask_[a-z0-9_-]+_[a-f0-9]{16,64}$"},
        "render_id": TEXT,
        "trace_id": TEXT,
        "policy_id": TEXT,
        "policy_version": TEXT,
        "loss_mask": WEIGHTS,
        "labels": NUMBERS,
        "sample_weight": {"type": "number", "minimum": 0},
        "stats": closed(
            {
                "total_tokens": NUMBER,
                "masked_tokens": NUMBER,
                "unmasked_tokens": NUMBER,
                "mask_ratio": {"type": "number"},
            }
        ),
        "signal_derived": closed({"injection_span_tokens": NUMBERS}),
    },
    "signal_derived",
)
NAMES = {
    "non_system": "cb_full_sequence",
    "full": "full_sequence",
    "completion": "completion_only",
    "assistant": "assistant_only",
    "tool_calls": "tool_calls_only",
    "action_prefix": "action_prefix_only",
    "after_injection": "post_injection_only",
}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    from cb_datasets.models.tokenizer import load_tokenizer

    return load_tokenizer(None)


@pytest.mark.parametrize("mask", ["non_system", "injection_aware"])
def test_each_field_is_that_of_the_schemas_and_says_what_the_row_holds(
    mask: MaskPolicy, sets: Sets, tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    done = cb.trainer_rows(sets, "rrfa", mask=mask)
    done.save(tmp_path)
    assert (done.cut, dict(done.left_out)) == (0, {})
    seen = set()
    dates = jsonschema.FormatChecker()
    for name, table in (("ds", sets.ds), ("dr", sets.dr)):
        renders = lines(tmp_path / name / "renders.jsonl")
        masks = lines(tmp_path / name / "lossmasks.jsonl")
        assert len(renders) == len(masks) == len(table)
        for number, row in enumerate(exact_rows(table)):
            render, made = renders[number], masks[number]
            if number % 5 == 0:
                jsonschema.validate(render, RENDER, format_checker=dates)
                jsonschema.validate(made, LOSSMASK)
            seen |= {render["render_id"], render["trace_id"], made["lossmask_id"]}
            is_the_row(row, render, tokenizer)
            masks_the_render(row, render, made, mask, tokenizer)
    assert len(seen) == 3 * (len(sets.ds) + len(sets.dr))


def is_the_row(row: dict[str, Any], render: dict[str, Any], tokenizer: Any) -> None:
    ids = [*row["prompt_token_ids"], *row["completion_token_ids"]]
    assert render["input_ids"] == ids
    assert render["sequence_length"] == len(render["attention_mask"]) == len(ids)
    assert render["tokenizer_id"] == row["provenance"]["tokenizer"]["name"]
    assert render["render_options"]["tools_included"] == bool(row["tools"])
    assert render["special_tokens"]["bos_position"] == ids.index(tokenizer.bos_token_id)
    ends = [place for place, token in enumerate(ids) if token == tokenizer.eos_token_id]
    assert render["special_tokens"]["eos_positions"] == ends
    spans = render["alignment"]["message_spans"]
    assert [span["message_index"] for span in spans] == list(range(len(row["messages"]) + 1))
    texts = [tokenizer.decode(ids[span["token_start"] : span["token_end"]]) for span in spans]
    for message, span, text in zip(row["messages"], spans, texts, strict=False):
        assert span["role"] == message["role"]
        if message["role"] in ("system", "user"):
            assert message["content"].strip() in text
    assert (spans[-1]["role"], spans[-1]["token_end"]) == ("assistant", len(ids))
    assert texts[-1].endswith(row["assistant_raw"])


def masks_the_render(
    row: dict[str, Any], render: dict[str, Any], made: dict[str, Any], mask: Any, tokenizer: Any
) -> None:
    ids, weights = np.array(render["input_ids"]), np.array(made["loss_mask"])
    assert (made["render_id"], made["trace_id"]) == (render["render_id"], render["trace_id"])
    assert made["policy_id"] == NAMES.get(mask, mask)
    assert weights.tolist() == cb.token_mask(row, mask, tokenizer=tokenizer).tolist()
    counted = weights > 0
    # A label is the token to be predicted: the next one.
    assert made["labels"] == np.where(counted, [*ids[1:], -100], -100).tolist()
    stats = made["stats"]
    assert (stats["total_tokens"], stats["unmasked_tokens"]) == (len(ids), counted.sum())
    assert stats["masked_tokens"] == len(ids) - counted.sum()
    assert stats["mask_ratio"] == pytest.approx(counted.mean())
    assert ("signal_derived" in made) == bool(row["attack"])
    if row["attack"]:
        injected = tokenizer.decode(ids[made["signal_derived"]["injection_span_tokens"]])
        # A tool result's own escapes stand between.
        assert row["attack"]["injection"][:12].strip() in injected.replace("\\", "")


def test_its_trainer_gets_pairs_in_which_something_counts(sets: Sets, tmp_path: Path) -> None:
    """As the trainer reads: masks joined to renders, the first `max_length` tokens, padded."""
    cb.trainer_rows(sets, "rrfa").save(tmp_path)
    for name in ("ds", "dr"):
        renders = {row["render_id"]: row for row in lines(tmp_path / name / "renders.jsonl")}
        for mask in lines(tmp_path / name / "lossmasks.jsonl"):
            ids = renders[mask["render_id"]]["input_ids"][:2048]
            assert len(ids) == len(mask["loss_mask"][:2048])
            assert any(mask["loss_mask"][:2048])


# The demo's model does not think.
@pytest.mark.parametrize("mask", [mask for mask in get_args(MaskPolicy) if mask != "thinking"])
def test_any_mask_policy_by_rrfas_name_where_it_has_one(mask: MaskPolicy, sets: Sets) -> None:
    made = cb.trainer_rows(sets, "rrfa", mask=mask)
    for row in made.tables["ds_lossmasks"]:
        assert row["policy_id"] == NAMES.get(mask, mask)
        assert row["lossmask_id"].startswith(f"lossmask_{row['policy_id']}_")
        assert any(row["loss_mask"])


def test_the_same_rows_give_the_same_files_and_long_ones_are_counted(sets: Sets) -> None:
    made, again = (cb.trainer_rows(sets, "rrfa", max_length=200) for _ in range(2))
    for name, table in made.tables.items():
        assert table[:] == again.tables[name][:]
    lengths = [
        n for name in ("ds", "dr") for n in made.tables[f"{name}_renders"]["sequence_length"]
    ]
    assert 0 < made.cut == sum(length > 200 for length in lengths) < len(lengths)


def test_a_row_that_cannot_be_masked_is_left_out_with_its_reason(sets: Sets) -> None:
    rows = list(exact_rows(sets.ds))
    rows[0]["messages"] = [*rows[0]["messages"], {"role": "user", "content": "forged"}]
    changed = dataclasses.replace(sets, ds=set_table(rows, SET_RECORDS["ds"]))
    made = cb.trainer_rows(changed, "rrfa")
    assert len(made.tables["ds_renders"]) == len(made.tables["ds_lossmasks"]) == len(rows) - 1
    ((reason, count),) = made.left_out.items()
    assert count == 1
    assert "turns are not one a message" in reason
