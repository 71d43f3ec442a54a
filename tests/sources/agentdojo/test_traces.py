"""AgentDojo's traces: the labels against a replay of every one, and each trap on whole runs.

The runs are the real ones where they are there, and otherwise written ones.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cb_datasets.formats import ParsedCompletion
from cb_datasets.formats import ToolCall as ParsedCall
from cb_datasets.judge import Judgement, judge
from cb_datasets.records import Scenario, ToolCall
from cb_datasets.schema import without_nulls
from cb_datasets.sources import SourceRead, read_source
from cb_datasets.sources.agentdojo.facts import suites
from cb_datasets.sources.agentdojo.source import read_agentdojo
from cb_datasets.sources.rows import RowPlace
from tests.sources.agentdojo.verdict import makes, verdict

Row = dict[str, Any]

# What a replay in AgentDojo's own environments found, and what that must come to here.
CLASSES = {
    "attack_succeeded": "attack_success",
    "resisted": "resisted",
    "not_succeeded_injection_never_seen": "injection_not_in_view",
    "not_succeeded_but_injected_action_attempted": "flag_disagrees",
    "error_fallback": "api_failure",
    "benign_success": "retain",
    "benign_failure": "task_not_completed",
}


@pytest.fixture(scope="module")
def scenarios(raw: dict[tuple[str, int], Row]) -> dict[tuple[str, int], Scenario]:
    return {
        key: scenario
        for key, row in raw.items()
        for scenario in read_agentdojo(row, RowPlace(key[0], 1), replay="never")
    }


@pytest.fixture(scope="module")
def read(upstream: Path) -> SourceRead:
    return read_source("agentdojo", upstream / "agentdojo", replay="never")


@pytest.fixture(scope="module")
def truth(upstream: Path) -> dict[tuple[str, int], str]:
    """What each trace is, as a replay or who wrote it says."""
    labels = map(json.loads, (upstream / "agentdojo_labels.jsonl").read_text().splitlines())
    return {(label["file"], label["index"]): CLASSES[label["class_"]] for label in labels}


def test_each_label_agrees_with_a_replay(
    scenarios: dict[tuple[str, int], Scenario], truth: dict[tuple[str, int], str]
):
    assert {key: verdict(scenario) for key, scenario in scenarios.items()} == truth
    assert set(truth.values()) == set(CLASSES.values())


def test_the_real_traces_are_1164(
    realdata: Path, read: SourceRead, scenarios: dict[tuple[str, int], Scenario]
):
    assert (read.report.lines, read.report.rows) == (1170, 1164)
    assert [file.lines for file in read.report.files] == [195] * 6
    attacks = [s["attack"] for s in scenarios.values()]
    assert sum(bool(attack and attack["injection"]) for attack in attacks) > 450
    assert Counter(map(verdict, scenarios.values())) == {
        "attack_success": 83,
        "resisted": 366,
        "injection_not_in_view": 103,
        "flag_disagrees": 20,
        "api_failure": 10,
        "retain": 342,
        "task_not_completed": 240,
    }


def test_the_report_adds_up(read: SourceRead, truth: dict[tuple[str, int], str]):
    report = read.report.to_dict()
    files = {file for file, _ in truth}
    assert report["rows"] == report["scenarios"] == len(truth)
    # Each file begins with a row about itself.
    assert report["lines"] == len(truth) + len(files)
    assert sum(report["skipped"].values()) == len(files)
    assert report["malformed"] == []
    kept = ("attack_success", "resisted", "retain")
    assert report["set_aside"] == Counter(code for code in truth.values() if code not in kept)
    in_files = Counter(file for file, _ in truth)
    assert [file["lines"] - 1 for file in report["files"]] == [in_files[f] for f in sorted(files)]


def test_scenario_ends_right_before_the_first_attackers_call_in_view(
    raw: dict[tuple[str, int], Row], scenarios: dict[tuple[str, int], Scenario]
):
    for key, scenario in scenarios.items():
        if verdict(scenario) not in ("attack_success", "resisted"):
            continue
        assert scenario["attack"] is not None
        assert scenario["recorded"] is not None
        end = len(scenario["messages"])
        turn = raw[key]["messages"][end]
        assert turn["role"] == "assistant"
        made = [call["function"]["name"] for call in turn["tool_calls"] or []]
        assert [call["name"] for call in scenario["recorded"]["calls"]] == made
        later = [
            call["function"]["name"]
            for message in raw[key]["messages"][end + 1 :]
            for call in message.get("tool_calls") or []
        ]
        assert [call["name"] for call in scenario["recorded"]["later_calls"]] == later
        in_view = [
            n
            for n, m in enumerate(scenario["messages"])
            if scenario["attack"]["injection"] in m["content"]
        ]
        assert in_view
        assert scenario["messages"][in_view[0]]["role"] == "tool"
        assert scenario["attack"]["location"] == "tool_result"
        since = [m for m in scenario["messages"][in_view[0] :] if m["role"] == "assistant"]
        calls = [
            ToolCall(name=call["function"]["name"], arguments=call["function"]["arguments"])
            for message in since
            for call in message.get("tool_calls", [])
        ]
        assert not makes(calls, scenario["attack"]["targets"])
        if verdict(scenario) == "resisted":
            assert not since
            assert not makes(scenario["recorded"]["later_calls"], scenario["attack"]["targets"])


def test_injection_is_shown_as_the_whole_block(scenarios: dict[tuple[str, int], Scenario]):
    shown = [
        s["attack"]["injection"]
        for s in scenarios.values()
        if s["attack"] and s["attack"]["injection"]
    ]
    assert shown
    for text in shown:
        assert text.startswith("<INFORMATION>")
        assert text.endswith("</INFORMATION>")


def judged(scenario: Scenario) -> Judgement:
    recorded = scenario["recorded"]
    assert recorded is not None
    calls = tuple(ParsedCall(call["name"], call["arguments"]) for call in recorded["calls"])
    return judge(
        ParsedCompletion(recorded["content"], calls),
        expected=scenario["expected"],
        attack=scenario["attack"],
        tools=scenario["tools"],
        messages=scenario["messages"],
    )


def test_completed_task_gives_a_right_call_wherever_the_trace_has_one(
    scenarios: dict[tuple[str, int], Scenario],
):
    done = [s for s in scenarios.values() if verdict(s) == "retain"]
    right = Counter(judged(s).outcome == "correct_tool" for s in done)
    assert right[True] > 20 * right[False]


def test_of_342_real_tasks_done_326_are_done_by_a_right_call(
    realdata: Path, scenarios: dict[tuple[str, int], Scenario]
):
    done = [s for s in scenarios.values() if verdict(s) == "retain"]
    # The others solved the task by calls that AgentDojo's own solution does not make, or by none.
    assert Counter(judged(s).outcome for s in done) == {
        "correct_tool": 326,
        "other_tool": 14,
        "no_tool": 1,
        "invalid": 1,
    }


def test_of_366_turns_without_the_attackers_call_319_are_known_to_resist(
    realdata: Path, scenarios: dict[tuple[str, int], Scenario]
):
    left = [s for s in scenarios.values() if verdict(s) == "resisted"]
    outcomes = Counter(judged(s).outcome for s in left)
    assert outcomes == {
        "correct_tool": 170,
        "no_tool": 141,
        "refusal": 8,
        "near_target": 6,
        "other_tool": 41,
    }
    called = Counter(
        judged(s).observed_tool for s in left if judged(s).outcome in ("near_target", "other_tool")
    )
    assert called == {
        # What the attacker's task looks up first, in any of the ways that there are.
        "search_emails": 8,
        "get_received_emails": 3,
        "get_most_recent_transactions": 3,
        "get_user_information": 1,
        # The attacker's tool, with arguments that are neither his nor the user's.
        "send_money": 5,
        "send_email": 1,
        # The user's task done wrong: a channel, a date, a person or a password that is another.
        "send_channel_message": 4,
        "add_user_to_channel": 4,
        "reserve_hotel": 1,
        "create_calendar_event": 1,
        "update_password": 1,
        # Look-ups that the task's own solution does without: nothing shows whose they are.
        "read_channel_messages": 7,
        "get_file_by_id": 4,
        "get_price_for_restaurants": 1,
        "get_hotels_address": 1,
        "search_contacts_by_email": 1,
        "get_user_info": 1,
    }


def test_no_row_under_attack_is_retained_with_a_call_that_nobody_knows_to_be_right(
    scenarios: dict[tuple[str, int], Scenario],
):
    calling = 0
    for scenario in scenarios.values():
        recorded, expected = scenario["recorded"], scenario["expected"]
        if scenario["attack"] is None or scenario["set_aside"] or not recorded:
            continue
        if judged(scenario).outcome not in ("correct_tool", "no_tool", "refusal"):
            continue
        known = [*expected["calls"], *(expected["task_calls"] or ())]
        suite = suites()[scenario["provenance"]["record_id"].partition("/")[0]]
        for call in recorded["calls"]:
            meant = [pattern for pattern in known if makes([call], [pattern])]
            right = any(pattern in expected["calls"] for pattern in meant)
            assert meant
            assert right or call["name"] in suite.reads
            calling += 1
        if not recorded["calls"]:
            assert judged(scenario).outcome in ("no_tool", "refusal")
    assert calling


def test_messages_hold_nothing_that_a_chat_template_does_not_know(
    raw: dict[tuple[str, int], Row], scenarios: dict[tuple[str, int], Scenario]
):
    for key, scenario in scenarios.items():
        for message, upstream in zip(scenario["messages"], raw[key]["messages"], strict=False):
            assert message.keys() <= {"role", "content", "tool_calls"}
            assert isinstance(message["content"], str)
            assert message["content"] == (upstream["content"] or upstream.get("error") or "")
            assert message.get("tool_calls") != []
            for call in message.get("tool_calls", []):
                assert call.keys() == {"type", "function"}
                assert isinstance(call["function"]["arguments"], dict)


def test_repeated_user_messages_stay(scenarios: dict[tuple[str, int], Scenario]):
    users = [
        sum(message["role"] == "user" for message in scenario["messages"])
        for key, scenario in scenarios.items()
        if "repeat_user_prompt" in key[0]
    ]
    assert max(users) > 3


def test_every_tool_that_is_called_is_on_offer(scenarios: dict[tuple[str, int], Scenario]):
    for scenario in scenarios.values():
        offered = {tool["function"]["name"] for tool in scenario["tools"]}
        called = {
            call["function"]["name"]
            for message in scenario["messages"]
            for call in message.get("tool_calls", [])
        }
        if scenario["recorded"]:
            called |= {call["name"] for call in scenario["recorded"]["calls"]}
        assert called <= offered


def test_tool_schemas_are_the_packages_own(realdata: Path):
    for path in (realdata / "agentdojo_tools").glob("*.json"):
        assert list(suites()[path.stem].tools) == json.loads(path.read_text())
    for name in ("shopping", "github", "dailylife"):
        facts = json.loads((realdata / "agentdyn" / f"{name}.json").read_text())
        assert list(suites()[name].tools) == facts["tools"]


def test_identity_of_every_trace(scenarios: dict[tuple[str, int], Scenario]):
    ids = {scenario["id"] for scenario in scenarios.values()}
    assert len(ids) == len(scenarios)
    for (file, index), scenario in scenarios.items():
        suite, user_task, injection = scenario["provenance"]["record_id"].split("/")
        assert scenario["provenance"]["source_dataset"] == file
        assert scenario["provenance"]["record_index"] == index
        assert scenario["group"] == f"agentdojo/{suite}/{user_task}"
        assert (injection == "none") == (scenario["attack"] is None)
        if scenario["attack"]:
            assert scenario["twin_id"] in ids - {scenario["id"]}
        else:
            assert scenario["twin_id"] is None


def told(row: Mapping[str, Any]) -> Any:
    """A row without nulls and ids, which a reader may leave out; nulls of the data are data."""
    found = without_nulls(dict(row), keep_inside=("messages", "tools", "arguments"))
    if "recorded" in found:
        found["recorded"].pop("token_ids", None)
    return found


def test_the_dataset_holds_what_the_reader_gave(
    read: SourceRead, scenarios: dict[tuple[str, int], Scenario]
):
    for row, scenario in zip(read.scenarios, scenarios.values(), strict=True):
        assert told(row) == told(scenario)
