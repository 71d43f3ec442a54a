"""Good datasets, odd as they may look: what is done to good rows, and no gate fails."""

from __future__ import annotations

import copy
import json

from datasets import Dataset

from cb_datasets.formats import render_completion
from cb_datasets.records import CircuitBreakerRow, PairRow, RetainRow
from cb_datasets.schema import record_features, without_nulls
from tests.gates.changed_rows import (
    REFUSAL,
    Change,
    Row,
    Rows,
    asked,
    benign_calls,
    evaluated,
    many,
    minimal,
    says,
)
from tests.gates.debug_label_examples import GOOD


def as_it_is(rows: Rows) -> None:
    pass


def every_second_row(rows: Rows) -> None:
    rows |= {name: rows[name][::2] for name in ("ds", "dr", "eval")}


def in_reverse(rows: Rows) -> None:
    rows |= {name: rows[name][::-1] for name in ("ds", "dr", "eval")}


def as_tables(rows: Rows) -> None:
    for name, record in (("ds", CircuitBreakerRow), ("dr", RetainRow)):
        rows[name] = Dataset.from_list(rows[name], features=record_features(record))


def without_an_eval_set(rows: Rows) -> None:
    del rows["eval"]


def with_an_empty_eval_set(rows: Rows) -> None:
    rows["eval"] = []


def with_an_eval_set_without_attacks(rows: Rows) -> None:
    rows["eval"] = [row for row in rows["eval"] if row["attack"] is None]


def ids_of_an_unknown_model(rows: Rows) -> None:
    for row in (*rows["ds"], *rows["dr"]):
        row["provenance"]["generator_model"] = "someone/else"


def in_the_minimal_shape(rows: Rows) -> None:
    small = minimal(rows)
    rows.clear()
    rows |= small


def in_the_minimal_shape_from_json_lines(rows: Rows) -> None:
    in_the_minimal_shape(rows)
    for name in ("ds", "dr"):
        rows[name] = map(json.loads, [json.dumps(row) for row in rows[name]])


def evaluated_before_its_rows_were_shuffled(rows: Rows) -> None:
    evaluated(0.5)(rows)
    rows["eval"] = rows["eval"][::-1]


def every_refusal_in_the_same_words(rows: Rows) -> None:
    for row in rows["dr"]:
        if row["labels"]["outcome"] == "refusal":
            says(row, REFUSAL)


def refusals_that_quote_the_attack(rows: Rows) -> None:
    for row in rows["dr"]:
        if row["attack"] and row["labels"]["outcome"] == "refusal":
            quote = row["attack"]["injection"][:60]
            says(row, f"I can't do that. The document says: {quote}<|eot_id|>")


def answers_that_look_like_labels(rows: Rows) -> None:
    answers = [r for r in rows["dr"] if r["labels"]["kind"] == "answer"]
    texts = [text for text in GOOD if not text.startswith(("{", "<tool_call>", "I can", "I won"))]
    for row, text in zip(answers, texts, strict=False):
        says(row, f"{text}<|eot_id|>")


def near_identical_prompts_with_other_numbers(rows: Rows) -> None:
    """The same request with another amount, and the call that it asks for."""
    base = next(r for r in benign_calls(rows) if r["labels"]["observed_tool"] == "transfer_money")
    for number in range(12):
        row = copy.deepcopy(base)
        call = copy.deepcopy(row["tool_calls_structured"][0])
        old, new = str(call["arguments"]["amount"]), 1013 + 97 * number
        call["arguments"]["amount"] = new
        for message in row["messages"]:
            message["content"] = message["content"].replace(old, str(new))
        row["expected"]["calls"] = [{"name": call["name"], "arguments": {}}]
        row |= {"id": f"amount{number}", "group": f"{base['group']}/{number}"}
        asked(row, "")
        says(row, render_completion("", [call], end="eom_id"), [call])
        rows["dr"].append(row)


def prompts_with_accents_and_letters_nobody_sees(rows: Rows) -> None:
    for row in rows["dr"][::3]:
        asked(row, "Très cher\u200b agent, \u4f60\u597d. ")


def one_injection_in_a_third_of_ds(rows: Rows) -> None:
    """As in AgentDojo, where many user tasks meet the same injection task."""
    base = next(row for row in rows["ds"] if row["attack"]["location"] == "user")
    others = [row for row in rows["ds"] if row["attack"]["location"] == "user" and row is not base]
    for row in others[: len(rows["ds"]) // 3]:
        if row["labels"]["harm_type"] != base["labels"]["harm_type"]:
            continue
        if base["labels"]["observed_tool"] == row["labels"]["expected_tool"]:
            continue
        for message in row["messages"]:
            text = message["content"].replace(
                row["attack"]["injection"], base["attack"]["injection"]
            )
            message["content"] = text
        row["tools"] = base["tools"]
        row["attack"] = {**base["attack"], "category": row["attack"]["category"]}
        row["labels"] |= {"observed_tool": base["labels"]["observed_tool"]}
        asked(row, "")
        says(row, base["assistant_raw"], base["tool_calls_structured"])


def a_tenth_of_the_rows_twice(rows: Rows) -> None:
    for name in ("ds", "dr"):
        again = rows[name][::10]
        rows[name] += [{**row, "id": f"{row['id']}-again"} for row in again]


def a_call_without_arguments_many_times(rows: Rows) -> None:
    call = {"name": "list_events", "arguments": {}}
    for row in many(benign_calls(rows), 25):
        row["tools"] = [*row["tools"], {"type": "function", "function": {**EVENTS}}]
        row["expected"]["calls"] = [call]
        row["labels"] |= {"observed_tool": call["name"], "expected_tool": call["name"]}
        asked(row, "")
        says(row, render_completion("", [call], end="eom_id"), [call])
        rows["dr"].append(row)


EVENTS = {
    "name": "list_events",
    "description": "All events.",
    "parameters": {"type": "object", "properties": {}},
}


def numbers_beyond_64_bits(rows: Rows) -> None:
    row = benign_calls(rows)[0]
    call = copy.deepcopy(row["tool_calls_structured"][0])
    call["arguments"]["reference"] = 2**70
    row["expected"]["calls"] = [{"name": call["name"], "arguments": {}}]
    says(row, render_completion("", [call], end="eom_id"), [call])


def harmful_requests_redacted(rows: Rows) -> None:
    for row in rows["ds"][::2]:
        for message in row["messages"]:
            if isinstance(message["content"], str):
                text = message["content"].replace(row["attack"]["injection"], "").strip()
                message["content"] = text
        row["attack"]["injection"] = ""
        row["provenance"]["harmful_prompt_redacted"] = True
        asked(row, "")


def without_ds(rows: Rows) -> None:
    del rows["ds"]


def a_few_rows_of_each(rows: Rows) -> None:
    kinds: dict[str, list[Row]] = {}
    for row in rows["dr"]:
        kinds.setdefault(row["labels"]["kind"], []).append(row)
    tools = {row["labels"]["observed_tool"] for row in rows["ds"][:6]}
    needed = [r for r in benign_calls(rows) if r["labels"]["observed_tool"] in tools]
    few = [row for found in kinds.values() for row in found[:5]]
    rows |= {"ds": rows["ds"][:6], "dr": few + [row for row in needed if row not in few]}


def pairs_as_they_are(rows: Rows) -> None:
    pass


def pairs_alone(rows: Rows) -> None:
    for name in ("ds", "dr", "eval"):
        del rows[name]


def pairs_as_a_table(rows: Rows) -> None:
    rows["pairs"] = Dataset.from_list(rows["pairs"], features=record_features(PairRow))


def pairs_from_json_lines(rows: Rows) -> None:
    data = ("messages", "tools", "twin_messages", "twin_tools", "arguments")
    short = [without_nulls(row, keep_inside=data) for row in rows["pairs"]]
    rows["pairs"] = map(json.loads, [json.dumps(row) for row in short])


def pairs_without_token_ids(rows: Rows) -> None:
    pairs_alone(rows)
    for row in rows["pairs"]:
        for part in (row, row["chosen"], row["rejected"] or {}):
            part |= {name: None for name in part if name.endswith("token_ids")}
        row["diverges_at"] = None


def pairs_whose_rows_are_in_no_set(rows: Rows) -> None:
    for row in rows["pairs"]:
        for side in filter(None, (row["chosen"], row["rejected"])):
            side |= {"row_id": None, "set": None}


GOOD_PAIRS: list[Change] = [
    pairs_as_they_are,
    pairs_alone,
    pairs_as_a_table,
    pairs_from_json_lines,
    pairs_without_token_ids,
    pairs_whose_rows_are_in_no_set,
]

GOOD_SETS: list[Change] = [
    as_it_is,
    every_second_row,
    in_reverse,
    as_tables,
    without_an_eval_set,
    with_an_empty_eval_set,
    with_an_eval_set_without_attacks,
    without_ds,
    ids_of_an_unknown_model,
    in_the_minimal_shape,
    in_the_minimal_shape_from_json_lines,
    evaluated(0.5),
    evaluated_before_its_rows_were_shuffled,
    every_refusal_in_the_same_words,
    refusals_that_quote_the_attack,
    answers_that_look_like_labels,
    near_identical_prompts_with_other_numbers,
    prompts_with_accents_and_letters_nobody_sees,
    one_injection_in_a_third_of_ds,
    a_tenth_of_the_rows_twice,
    a_call_without_arguments_many_times,
    numbers_beyond_64_bits,
    harmful_requests_redacted,
    a_few_rows_of_each,
]
