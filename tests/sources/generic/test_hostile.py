"""Rows that no one would write: they are malformed, and nothing worse."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from cb_datasets.sources.rows import SkipRow
from tests.sources.generic.written_rows import (
    ATTACK,
    INJECTION,
    Row,
    call,
    read,
)

texts = st.sampled_from(["", "x", INJECTION, "[", '{"name": "f"}', "user", "<|eot_id|>", "\ud800"])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
names = st.sampled_from(
    "role content from value tool_calls function name arguments type text parameters id".split()  # noqa: SIM905
)
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(names, v, max_size=4), max_leaves=9
)
part = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "tool_use", "tool_result", "thinking"]) | values},
    optional={
        "text": texts,
        "name": texts | values,
        "input": values,
        "content": texts | values,
        **dict.fromkeys(("id", "tool_use_id"), st.sampled_from(["1", "2"]) | values),
    },
)
roles = st.sampled_from(["user", "assistant", "tool", "gpt", "human", "function_call", "system"])
messages = st.lists(
    st.fixed_dictionaries(
        {"role": roles | values},
        optional={"content": texts | values | st.lists(part, max_size=3), "tool_calls": values},
    ),
    max_size=5,
)
sound_messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool"]), "content": texts},
        optional={
            "tool_calls": st.none() | st.just([call("post_note")]) | st.just([call("read_notes")])
        },
    ).map(lambda m: m if m["role"] == "assistant" else {**m, "tool_calls": None}),
    min_size=1,
    max_size=6,
)
targets = st.sampled_from(["post_note", ["post_note"], [{"name": "read_notes"}], None, "[", 5])
columns = {
    **dict.fromkeys(("tools", "id", "model", "timestamp", "temperature", "system"), values),
    **dict.fromkeys(("injected", "want", "out", "ok", "clean", "twin"), texts | st.none() | values),
    **dict.fromkeys(("wanted", "right"), targets | values),
}
rows = st.fixed_dictionaries({"messages": sound_messages | messages | values}, optional=columns)
sound_rows = st.fixed_dictionaries(
    {"messages": sound_messages, "injected": texts, "wanted": targets, "right": targets},
    optional={"ok": scalars, "out": texts, "clean": texts},
)


@settings(max_examples=500, deadline=None)
@given(rows | sound_rows, st.sampled_from([None, "all", "first", "decisive"]), st.booleans())
def test_hostile_rows_are_malformed_and_nothing_worse(row: Row, turns: str | None, mapped: bool):
    mapping = {
        "attack": {**ATTACK["attack"], "clean": "clean"},
        "twin": "twin",
        "accepted": "ok",
        "completion": "out",
        "expected": {"calls": "right", "behavior": "want"},
    }
    try:
        scenarios = read(row, mapping if mapped else None, turns)
    except (ValueError, SkipRow):
        return
    assert scenarios
    assert len({scenario["id"] for scenario in scenarios}) == len(scenarios)
    for scenario in scenarios:
        json.dumps(scenario)
        if scenario["attack"] and not scenario["set_aside"] and scenario["recorded"]:
            assert scenario["attack"]["targets"]
            assert any(
                scenario["attack"]["injection"] in m["content"] for m in scenario["messages"]
            )
