"""A reader that forgets a key, or misspells one, is told which, and loses nothing in silence."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from cb_datasets.errors import SourceError
from cb_datasets.records import Attack, CallPattern, Expected, Scenario, ScenarioProvenance
from cb_datasets.sources import SOURCES, Source, load_source, write_scenarios
from cb_datasets.sources.rows import RowPlace
from cb_datasets.sources.scenario_keys import check_keys


def whole() -> Any:
    return Scenario(
        id="toy/1",
        source="toy",
        group="toy/1",
        messages=[{"role": "user", "content": "Hi"}],
        tools=[],
        expected=Expected(behavior="call", calls=[CallPattern(name="greet", arguments={})]),
        provenance=ScenarioProvenance(source_dataset="toy.jsonl", record_id="1"),
        attack=Attack(
            category="c",
            template="t",
            location="user",
            injection="Hi",
            targets=[CallPattern(name="shout", arguments={})],
        ),
    )


def without(key: str) -> Any:
    *parents, last = key.split(".")
    scenario = inner = whole()
    for parent in parents:
        inner = inner[parent]
        inner = inner[0] if isinstance(inner, list) else inner
    del inner[last]
    return scenario


def test_a_scenario_may_leave_out_what_may_be_null() -> None:
    check_keys(whole())
    (row,) = write_scenarios([whole()], "toy").to_list()
    left_out = {name for name, value in row.items() if value is None}
    assert left_out == {"twin_id", "recorded", "set_aside", "probe"}
    assert row["attack"]["goal"] is row["provenance"]["record_index"] is None


@pytest.mark.parametrize(
    "key",
    [
        *("group", "messages", "provenance.record_id", "expected.calls", "expected.calls.name"),
        *("attack.injection", "attack.targets.arguments"),
    ],
)
def test_a_key_that_was_forgotten_is_named(key: str) -> None:
    with pytest.raises(SourceError, match=f"^the scenario 'toy/1' lacks {key}$"):
        write_scenarios([without(key)], "toy")


def test_without_an_id_it_is_some_scenario() -> None:
    with pytest.raises(SourceError, match=r"^a scenario lacks id$"):
        write_scenarios([without("id")], "toy")


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("atack", r"has atack, which is no column; did you mean attack\?"),
        ("mood", r"has mood, which is no column; known are attack, expected, group, .*twin_id"),
    ],
)
def test_a_key_that_no_column_holds_is_refused(key: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        write_scenarios([whole() | {key: None}], "toy")


def test_what_is_no_record_is_said_by_its_type() -> None:
    with pytest.raises(SourceError, match="has expected of type str, expected Expected"):
        write_scenarios([whole() | {"expected": "call"}], "toy")
    nothing: Any = None
    with pytest.raises(SourceError, match="has a row of type NoneType, expected Scenario"):
        write_scenarios([nothing], "toy")


def test_of_a_row_of_a_file_the_line_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(row: dict[str, Any], place: RowPlace) -> Iterable[Scenario]:
        return [whole() if row["n"] == 1 else without("attack.category")]

    source = Source("toy", "A toy", "none", "", make_reader=lambda: read)
    monkeypatch.setitem(SOURCES.built_in, "toy", source)
    file = tmp_path / "toy.jsonl"
    file.write_text("".join(json.dumps({"n": n}) + "\n" for n in (1, 2)))
    with pytest.raises(SourceError, match=r"^toy\.jsonl, line 2: the scenario 'toy/1' lacks"):
        load_source("toy", file)


def test_a_built_in_source_is_held_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source("toy", "A toy", "none", "", built_in=lambda: [without("group")])
    monkeypatch.setitem(SOURCES.built_in, "toy", source)
    with pytest.raises(SourceError, match="lacks group"):
        load_source("toy")
