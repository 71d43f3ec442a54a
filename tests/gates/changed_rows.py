"""Rows of a dataset, changed as somebody would who has made them up."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from itertools import cycle, islice
from typing import Any

from transformers import PreTrainedTokenizerBase

from cb_datasets.formats import render_prompt
from cb_datasets.gates.eval_identity import eval_identity
from cb_datasets.models.tokenizer import load_tokenizer

Row = dict[str, Any]
Rows = dict[str, Any]
Change = Callable[[Rows], None]
REFUSAL = "I'm sorry, but I can't help with that.<|eot_id|>"
CALL = {"name": "search_web", "arguments": {"query": "the usual thing to look for"}}


@cache
def tokenizer() -> PreTrainedTokenizerBase:
    return load_tokenizer(None)


def asked(row: Row, words: str) -> None:
    """Put words before the first user message, and render the prompt anew."""
    message = next(m for m in row["messages"] if m["role"] == "user")
    message["content"] = words + message["content"]
    rendered = render_prompt(row["messages"], row["tools"], tokenizer=tokenizer())
    row["prompt_token_ids"] = rendered.token_ids


def says(row: Row, raw: str, calls: list[Row] | None = None) -> None:
    """Make a row say something else, in text, ids and calls."""
    ids = tokenizer()(raw, add_special_tokens=False)["input_ids"]
    row |= {"assistant_raw": raw, "completion_token_ids": ids, "tool_calls_structured": calls or []}


def many(rows: list[Row], count: int) -> list[Row]:
    """So many rows, copies of these under ids, groups and first words of their own."""
    made = [copy.deepcopy(row) for row in islice(cycle(rows), count)]
    for number, row in enumerate(made):
        row |= {"id": f"row{number}", "group": f"group{number}"}
        row["provenance"]["scenario_id"] = f"scenario{number}"
        asked(row, f"Task {number}, from {chr(97 + number % 26) * 5}{number * 7919}. ")
    return made


def benign_calls(rows: Rows) -> list[Row]:
    return [row for row in rows["dr"] if row["attack"] is None and row["tool_calls_structured"]]


def harmed(row: Row, injection: str) -> Row:
    """A benign call, written up as an attack that succeeded."""
    (call,) = row["tool_calls_structured"][:1]
    attack = {
        "category": "made_up",
        "template": "made_up/1",
        "location": "user",
        "injection": injection,
        "targets": [{"name": call["name"], "arguments": {}}],
        "goal": None,
        "clean_content": None,
    }
    labels = {
        "is_harmful": True,
        "harm_type": "injected_call",
        "observed_tool": call["name"],
        "outcome": "attack_success",
        "reason": f"called the attacker's target {call['name']}",
        "category": "made_up",
        "expected_tool": None,
    }
    expected = {"behavior": "call", "calls": [], "task_calls": []}
    return {
        **row,
        "set": "circuit_breaker",
        "attack": attack,
        "labels": labels,
        "expected": expected,
    }


def minimal(rows: Rows) -> Rows:
    """Ds and Dr in the specification's shape, in which a flip of tools is all that can be shown."""
    flips = [row for row in rows["ds"] if row["labels"]["harm_type"] == "tool_flip"]
    kept = ("id", "split", "set", "messages", "assistant_raw", "tool_calls_structured")
    return {
        name: [{part: row[part] for part in (*kept, "labels", "provenance")} for row in given]
        for name, given in (("ds", flips), ("dr", rows["dr"]))
    }


def evaluated(asr: Any, **more: Any) -> Change:
    def give(rows: Rows) -> None:
        rows["evaluation"] = {
            "valid": True,
            "model": {"model": "cb_datasets/tiny-agent", "revision": ""},
            "facts": {"rows": len(rows["eval"]), "eval_rows": eval_identity(rows["eval"])},
            "metrics": {"asr": {"value": asr}},
            **more,
        }

    return give
