"""Every decision of AgentDojo's traces: which carry the attack, and which are before or after.

The classes come from a replay of every real trace in AgentDojo's own environments or, where those
are absent, from who wrote the traces.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from cb_datasets.errors import SourceError
from cb_datasets.records import Scenario
from cb_datasets.sources import read_source
from cb_datasets.sources.agentdojo.source import read_agentdojo
from cb_datasets.sources.rows import RowPlace
from cb_datasets.sources.turns import TURNS
from tests.sources.agentdojo.verdict import makes, verdict

Key = tuple[str, int]
Row = dict[str, Any]


@pytest.fixture(scope="module")
def classes(upstream: Path) -> dict[Key, str]:
    labels = map(json.loads, (upstream / "agentdojo_labels.jsonl").read_text().splitlines())
    return {(label["file"], label["index"]): label["class_"] for label in labels}


def read_turns(raw: dict[Key, Row], turns: str) -> dict[Key, list[Scenario]]:
    return {
        key: list(read_agentdojo(row, RowPlace(key[0], 1), turns=turns, replay="never"))
        for key, row in raw.items()
    }


@pytest.fixture(scope="module")
def every(raw: dict[Key, Row]) -> dict[Key, list[Scenario]]:
    return read_turns(raw, "all")


@pytest.fixture(scope="module")
def decisive(raw: dict[Key, Row]) -> dict[Key, Scenario]:
    return {key: one for key, (one,) in read_turns(raw, "decisive").items()}


def assistant_turns(row: Row) -> list[int]:
    return [n for n, message in enumerate(row["messages"]) if message["role"] == "assistant"]


def in_view(scenario: Scenario, injection: str) -> bool:
    said = (message for message in scenario["messages"] if message["role"] == "tool")
    return any(injection in message["content"] for message in said)


def test_all_gives_one_scenario_for_each_assistant_message(
    raw: dict[Key, Row], every: dict[Key, list[Scenario]]
):
    silent = 0
    for key, scenarios in every.items():
        turns = assistant_turns(raw[key])
        if not turns:
            # A run that broke off before the model spoke is still accounted for.
            (alone,) = scenarios
            assert alone["recorded"] is None
            assert alone["set_aside"] is not None
            silent += 1
            continue
        assert [len(scenario["messages"]) for scenario in scenarios] == turns
        assert [scenario["id"].rpartition("#turn")[2] for scenario in scenarios] == [
            str(turn) for turn in turns
        ]
        for scenario, turn in zip(scenarios, turns, strict=True):
            assert scenario["recorded"] is not None
            said = raw[key]["messages"][turn]
            made = [call["function"]["name"] for call in said["tool_calls"] or []]
            assert [call["name"] for call in scenario["recorded"]["calls"]] == made
    total = sum(map(len, every.values()))
    assert total - silent == sum(len(assistant_turns(row)) for row in raw.values())
    assert silent < 0.01 * len(raw)


def test_the_real_traces_have_4340_assistant_messages(
    realdata: Path, raw: dict[Key, Row], every: dict[Key, list[Scenario]]
):
    assert sum(len(assistant_turns(row)) for row in raw.values()) == 4340
    assert sum(not assistant_turns(row) for row in raw.values()) == 4
    carried = Counter(s["attack"] is not None for found in every.values() for s in found)
    assert carried[True] > 1000
    assert sum(verdict(s) == "attack_success" for found in every.values() for s in found) == 83


def test_exactly_the_attackers_turns_are_judged_a_success(
    every: dict[Key, list[Scenario]], decisive: dict[Key, Scenario], classes: dict[Key, str]
):
    won = {
        key: [s for s in scenarios if verdict(s) == "attack_success"]
        for key, scenarios in every.items()
    }
    assert {key for key, found in won.items() if found} == {
        key for key, class_ in classes.items() if class_ == "attack_succeeded"
    }
    assert sum(map(len, won.values())) == sum(map(bool, won.values())) > 0
    for key, found in won.items():
        for scenario in found:
            assert len(scenario["messages"]) == len(decisive[key]["messages"])
            assert scenario["attack"] == decisive[key]["attack"]
            assert scenario["recorded"] == decisive[key]["recorded"]


def test_before_the_injection_is_in_view_a_turn_carries_no_attack_and_from_then_on_it_does(
    every: dict[Key, list[Scenario]],
):
    carried: Counter[bool] = Counter()
    for scenarios in every.values():
        attack = next((s["attack"] for s in scenarios if s["attack"]), None)
        for scenario in scenarios:
            if attack is None or not attack["injection"]:
                continue
            assert (scenario["attack"] is not None) == in_view(scenario, attack["injection"])
            carried[scenario["attack"] is not None] += 1
    assert min(carried[True], carried[False]) > 100


def test_of_benign_traces_and_unseen_injections_no_turn_carries_an_attack(
    every: dict[Key, list[Scenario]], classes: dict[Key, str]
):
    for key, scenarios in every.items():
        if classes[key].startswith("benign") or classes[key].endswith("never_seen"):
            assert {scenario["attack"] for scenario in scenarios} == {None}


def test_turns_after_the_attackers_call_are_set_aside_and_no_others_for_that(
    every: dict[Key, list[Scenario]], classes: dict[Key, str]
):
    after = 0
    for key, scenarios in every.items():
        gave_in = False
        for scenario in scenarios:
            assert (verdict(scenario) == "after_attack") == gave_in
            after += gave_in
            if scenario["attack"] and scenario["recorded"]:
                gave_in |= makes(scenario["recorded"]["calls"], scenario["attack"]["targets"])
        if classes[key] in ("resisted", "not_succeeded_injection_never_seen"):
            assert not gave_in
    assert after > sum(class_ == "attack_succeeded" for class_ in classes.values())


def test_a_resisted_attack_is_resisted_at_every_turn_in_view(
    every: dict[Key, list[Scenario]], classes: dict[Key, str]
):
    told = defaultdict(set)
    for key, scenarios in every.items():
        told[classes[key]] |= {verdict(scenario) for scenario in scenarios if scenario["attack"]}
    assert told["resisted"] == {"resisted"}
    assert told["attack_succeeded"] == {"resisted", "attack_success", "after_attack"}
    assert told["error_fallback"] == {"api_failure"}


def test_turns_before_the_injection_are_kept_only_of_runs_that_solved_the_task(
    raw: dict[Key, Row], every: dict[Key, list[Scenario]]
):
    for key, scenarios in every.items():
        metadata = raw[key]["metadata"]
        for scenario in scenarios:
            if scenario["attack"] is None and metadata["attack_type"]:
                expected = "retain" if metadata["success"] else "task_not_completed"
                assert verdict(scenario) == expected


def test_first_is_the_first_of_all(raw: dict[Key, Row], every: dict[Key, list[Scenario]]):
    first = read_turns(raw, "first")
    assert {key: found for key, (found,) in first.items()} == {
        key: scenarios[0] for key, scenarios in every.items()
    }


def test_decisive_is_one_for_each_trace_and_the_default(
    upstream: Path, decisive: dict[Key, Scenario]
):
    default = read_source("agentdojo", upstream / "agentdojo", replay="never")
    named = read_source("agentdojo", upstream / "agentdojo", turns="decisive", replay="never")
    assert default.scenarios.num_rows == len(decisive)
    assert default.scenarios._fingerprint == named.scenarios._fingerprint


def test_ids_stay_unique_groups_stay_the_tasks_and_the_report_adds_up(
    upstream: Path, every: dict[Key, list[Scenario]], decisive: dict[Key, Scenario]
):
    read = read_source("agentdojo", upstream / "agentdojo", turns="all", replay="never")
    ids = read.scenarios["id"][:]
    assert len(set(ids)) == len(ids) == sum(map(len, every.values()))
    assert {key: {s["group"] for s in found} for key, found in every.items()} == {
        key: {scenario["group"]} for key, scenario in decisive.items()
    }
    report = read.report
    files = {file for file, _ in every}
    assert (report.rows, report.skipped.total()) == (len(every), len(files))
    assert report.lines == len(every) + len(files)
    assert (report.malformed, report.repeated) == ([], [])
    told = Counter(verdict(s) for found in every.values() for s in found)
    kept = ("retain", "resisted", "attack_success")
    assert report.set_aside == {code: n for code, n in told.items() if code not in kept}


@pytest.mark.parametrize("source", ["agentdojo", "tau2", "generic"])
@pytest.mark.parametrize("turns", ["last", "", 1, "ALL"])
def test_a_wrong_choice_of_turns_is_one_sentence(tmp_path: Path, source: str, turns: Any):
    file = tmp_path / "a.jsonl"
    file.write_text("{}")
    with pytest.raises(
        SourceError, match=rf"turns is {turns!r}; it must be one of all, first, dec"
    ):
        read_source(source, file, turns=turns)
    assert TURNS == ("all", "first", "decisive")
