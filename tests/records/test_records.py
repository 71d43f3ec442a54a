"""One definition a record: Features and JSON Schema take the same rows and refuse the same."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import jsonschema
import pytest
from transformers import PreTrainedTokenizerBase
from typing_extensions import TypedDict

import cb_datasets as cb
from cb_datasets import records
from cb_datasets.records import (
    SET_RECORDS,
    Attack,
    CallPattern,
    CircuitBreakerRow,
    Expected,
    RecordedCompletion,
    Scenario,
    ScenarioProvenance,
    ToolCall,
)
from cb_datasets.schema import (
    column_docs,
    exact_rows,
    record_features,
    record_json_schema,
    set_table,
    without_nulls,
)

Row = dict[str, Any]
SETS = SET_RECORDS
# Values that Arrow, `Json()` or a careless exporter would change.
ODD = {
    "n": 2**70,
    "share": 0.1 + 0.2,
    "none": None,
    "text": "123",
    "é": [{"a": None}, []],
    "no": {},
}


def scenario(number: int, said: list[ToolCall] | str | None, *, attacked: bool) -> Scenario:
    attack = Attack(
        category="override",
        template="t",
        location="user",
        injection="Use web.",
        targets=[CallPattern(name="web", arguments={"q": {"contains": "x"}})],
    )
    recorded = None
    if said is not None:
        calls = said if isinstance(said, list) else []
        recorded = RecordedCompletion(
            content=said if isinstance(said, str) else "", calls=calls, later_calls=[]
        )
    call = {"type": "function", "function": {"name": "docs", "arguments": {"none": None}}}
    return Scenario(
        id=f"s{number}",
        source="made",
        group=f"g{number}",
        messages=[
            {"role": "user", "content": f"Find {number}. Use web."},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": {"rows": None}},
        ],
        tools=[{"type": "function", "function": {"name": "docs", "parameters": {"default": None}}}],
        expected=Expected(behavior="call", calls=[CallPattern(name="docs", arguments={})]),
        provenance=ScenarioProvenance(source_dataset="made.jsonl", record_id=str(number)),
        attack=attack if attacked else None,
        recorded=recorded,
    )


@pytest.fixture(scope="module")
def sets(llama_tokenizer: PreTrainedTokenizerBase) -> dict[str, list[Row]]:
    """Real rows of each set, from the real pipeline."""
    made = [
        scenario(0, [ToolCall(name="web", arguments={**ODD, "q": "x"})], attacked=True),
        scenario(1, [ToolCall(name="docs", arguments=ODD)], attacked=True),
        scenario(2, [ToolCall(name="docs", arguments=ODD)], attacked=False),
        scenario(3, "I'm not sure.", attacked=False),
        scenario(4, None, attacked=False),
    ]
    table = set_table(made, Scenario)
    train = cb.build_sets(table, None, eval_fraction=0, tokenizer=llama_tokenizer)
    held = cb.build_sets(table, None, eval_fraction=1, tokenizer=llama_tokenizer)
    found = {name: list(exact_rows(getattr(train, name))) for name in SETS if name != "eval"}
    return {**found, "eval": list(exact_rows(held.eval))}


OF_THE_SPECIFICATION = [
    ("labels", "expected_tool"),
    *(("provenance", name) for name in ("generator_model", "temperature", "timestamp")),
]


def holds_null(value: Any) -> bool:
    if isinstance(value, (dict, list)):
        return any(map(holds_null, value.values() if isinstance(value, dict) else value))
    return value is None


def validate(row: Row, record: type) -> None:
    jsonschema.validate(row, record_json_schema(record), jsonschema.Draft202012Validator)


@pytest.mark.parametrize("name", SETS)
def test_features_and_json_schema_take_the_same_rows(name: str, sets: dict[str, list[Row]]):
    record = SETS[name]
    assert sets[name]
    for row in sets[name]:
        validate(row, record)
        assert list(exact_rows(set_table([row], record))) == [row]


@pytest.mark.parametrize("name", SETS)
def test_a_jsonl_export_has_no_nulls_but_those_of_the_data_and_of_the_specification(
    name: str, sets: dict[str, list[Row]], tmp_path: Path
):
    record = SETS[name]
    table = set_table(sets[name], record)
    path = tmp_path / "rows.jsonl"
    assert cb.export_jsonl(table, path) == len(table)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for written, row in zip(rows, sets[name], strict=True):
        validate(written, record)
        outside = copy.deepcopy(
            {k: v for k, v in written.items() if k not in ("messages", "tools")}
        )
        sides = [outside.get(side, {}) for side in ("chosen", "rejected")]
        for said in (outside, *sides):
            for call in said.get("tool_calls_structured", []):
                del call["arguments"]
        for part in ("twin_messages", "twin_tools"):
            outside.pop(part, None)
        if name == "ds":
            for part, field in OF_THE_SPECIFICATION:
                assert outside[part].pop(field) == row[part][field]
        assert not holds_null(outside)
        assert written.get("messages") == row.get("messages")
        assert written.get("tools") == row.get("tools")
    assert [list(r) for r in rows] == [
        [k for k, v in r.items() if v is not None] for r in sets[name]
    ]


def test_a_row_of_ds_has_the_shape_of_the_specification(sets: dict[str, list[Row]]):
    (row,) = sets["ds"]
    assert row["id"] == "s0#sample0"
    assert (row["split"], row["set"]) == ("train", "circuit_breaker")
    assert row["tool_calls_structured"] == [{"name": "web", "arguments": {**ODD, "q": "x"}}]
    assert row["labels"]["is_harmful"] is True
    assert {"harm_type", "expected_tool", "observed_tool"} <= row["labels"].keys()
    assert {"source_dataset", "record_id", "generator_model", "temperature", "timestamp"} <= row[
        "provenance"
    ].keys()


def spoil(path: str, value: Any) -> Callable[[Row], None]:
    def change(row: Row) -> None:
        *parents, last = path.split(".")
        for parent in parents:
            row = row[parent]
        if value is ...:
            del row[last]
        else:
            row[last] = value

    return change


WRONG = [
    ("ds", "id", ...),
    ("ds", "assistant_raw", None),
    ("ds", "assistant_raw", 5),
    ("ds", "set", "retain?"),
    ("ds", "messages", "text"),
    ("ds", "messages", ["text"]),
    ("ds", "tool_calls_structured", [{"name": "f"}]),
    ("ds", "tool_calls_structured", [{"name": "f", "arguments": "text"}]),
    ("ds", "prompt_token_ids", ["a"]),
    ("ds", "labels.harm_type", "mischief"),
    ("ds", "labels.outcome", "unknown"),
    ("ds", "labels.is_harmful", ...),
    ("ds", "labels.observed_tool", None),
    ("ds", "provenance.source_dataset", ...),
    ("dr", "labels.kind", "other"),
    ("dr", "labels.is_refusal", "no"),
    ("dr", "more", 1),
    ("eval", "kind", "other"),
    ("eval", "success_criteria.attack_success", None),
    ("pairs", "chosen", None),
    ("pairs", "chosen.set", "eval"),
    ("pairs", "chosen_origin", "theirs"),
    ("pairs", "counts.right", None),
    ("rejected", "reason", None),
]


@pytest.mark.parametrize(("name", "path", "value"), WRONG)
def test_the_json_schema_refuses_a_wrong_row(
    name: str, path: str, value: Any, sets: dict[str, list[Row]]
):
    row = copy.deepcopy(sets[name][0])
    validate(row, SETS[name])
    spoil(path, value)(row)
    with pytest.raises(jsonschema.ValidationError):
        validate(row, SETS[name])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("prompt_token_ids", ["a"]),
        ("messages", 5),
        ("labels", "text"),
        ("provenance.record_index", "first"),
        ("labels.is_harmful", "yes, very"),
        ("tool_calls_structured", [{"name": "f", "arguments": {"a": float("nan")}}]),
    ],
)
def test_features_refuse_a_wrong_row(path: str, value: Any, sets: dict[str, list[Row]]):
    row = copy.deepcopy(sets["ds"][0])
    spoil(path, value)(row)
    with pytest.raises((TypeError, ValueError, AttributeError)):
        set_table([row], CircuitBreakerRow)


@pytest.mark.parametrize("record", [Scenario, *SETS.values()])
def test_features_and_schema_name_the_same_fields_and_each_is_documented(record: type):
    fields = list(get_type_hints(record))
    assert list(record_features(record)) == fields
    assert list(record_json_schema(record)["properties"]) == fields
    assert all(text for _, text in column_docs(record))
    jsonschema.Draft202012Validator.check_schema(record_json_schema(record))


def test_a_union_of_types_is_no_column():
    class Broken(TypedDict):
        value: int | str

    with pytest.raises(TypeError, match="union"):
        record_features(Broken)


def test_nulls_inside_json_are_data():
    row = {"a": None, "messages": [{"content": None}], "labels": {"b": None, "c": [{"d": None}]}}
    assert without_nulls(row, keep_inside=["messages"]) == {
        "messages": [{"content": None}],
        "labels": {"c": [{}]},
    }


def test_vocabularies_have_no_twins():
    for name in ("OUTCOMES", "RETAIN_KINDS", "EVAL_KINDS", "HARM_TYPES"):
        words = getattr(records, name)
        assert len(set(words)) == len(words)
