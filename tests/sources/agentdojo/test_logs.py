"""AgentDojo's own logs: where they lie, what is missing, calls that stand in the text."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from cb_datasets.errors import SourceError
from cb_datasets.records import Scenario, ToolCall
from cb_datasets.sources import read_source
from cb_datasets.sources.agentdojo.source import SOURCE, read_agentdojo
from cb_datasets.sources.rows import RowPlace
from tests.sources.agentdojo.verdict import verdict
from tests.sources.agentdojo.written_logs import (
    DONE,
    GOAL,
    HIJACK,
    INJECTION,
    READ,
    SHOWN,
    call,
    log,
    pack,
    result,
    says,
    write_logs,
)

SAFE = (says(None, READ), result(SHOWN, READ), DONE)
HIJACKED = (says(None, READ), result(SHOWN, READ), says(None, HIJACK), result("", HIJACK), DONE)
BENIGN = log(says(None, READ), result("News.", READ), DONE, attack=None)


def read_one(row: dict[str, Any], file: str = "none.json") -> Scenario:
    (scenario,) = read_agentdojo(row, RowPlace(file, 1), replay="never")
    return scenario


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    logs = [log(*SAFE), log(*HIJACKED, injection_task_id="injection_task_2"), BENIGN]
    return write_logs(tmp_path / "runs", {"model-1": logs, "model-1-with defence": logs})


def test_folder_glob_single_files_and_archive_give_the_same_scenarios(folder: Path, tmp_path: Path):
    archive = pack(folder, tmp_path / "runs.tar.gz")
    files = sorted(map(str, folder.rglob("*.json")))
    read = [
        read_source("agentdojo", given, replay="never")
        for given in (folder, f"{folder}/**/*.json", files, archive)
    ]
    rows = [sorted(one.scenarios, key=itemgetter("id")) for one in read]
    assert rows[0] == rows[1] == rows[2] == rows[3]
    assert [one.report.lines for one in read] == [6] * 4
    assert [len(one.report.files) for one in read] == [6, 6, 6, 1]
    assert read[0].report.malformed == read[0].report.repeated == []


def test_pipelines_in_one_folder_are_told_apart_by_their_folder(folder: Path):
    scenarios = read_source("agentdojo", folder, replay="never").scenarios
    assert len(set(scenarios["id"][:])) == 6
    found = {(p["source_dataset"], p["record_id"]) for p in scenarios["provenance"]}
    assert found == {
        (pipeline, record)
        for pipeline in ("model-1", "model-1-with defence")
        for record in (
            "slack/user_task_0/important_instructions/injection_task_3",
            "slack/user_task_0/important_instructions/injection_task_2",
            "slack/user_task_0/none/none",
        )
    }
    twins = {row["twin_id"] for row in scenarios if row["attack"]}
    assert twins == {row["id"] for row in scenarios if not row["attack"]}


def test_a_log_by_itself_is_of_the_pipeline_that_it_names(tmp_path: Path):
    path = tmp_path / "a log.json"
    path.write_text(json.dumps(log(*SAFE)))
    (row,) = read_source("agentdojo", path, replay="never").scenarios
    assert row["provenance"]["source_dataset"] == "model-1"
    assert row["recorded"]["model"] == "model-1"
    assert row["recorded"]["timestamp"] == "2026-01-22T07:51:35"


def test_a_broken_log_is_named_by_its_path_and_costs_no_other(folder: Path, tmp_path: Path):
    broken = folder / "model-1/slack/user_task_0/none/none.json"
    broken.write_text('{"suite_name": "slack"')
    for given in (folder, pack(folder, tmp_path / "runs.tar.gz")):
        report = read_source("agentdojo", given, replay="never").report
        assert (report.lines, report.rows) == (6, 5)
        (line,) = report.malformed
        assert line.file == "model-1/slack/user_task_0/none/none.json"
        assert "broken JSON" in line.reason


def test_an_archive_of_something_else_is_refused_in_a_sentence(tmp_path: Path):
    empty = tmp_path / "empty.tar.gz"
    with tarfile.open(empty, "w:gz") as tar:
        info = tarfile.TarInfo("notes.txt")
        tar.addfile(info, io.BytesIO())
    with pytest.raises(SourceError, match="holds no rows"):
        read_source("agentdojo", empty)
    cut = tmp_path / "cut.tar"
    cut.write_bytes(b"\x01" * 2000)
    with pytest.raises(SourceError, match=r"cut\.tar: the archive cannot be read on"):
        read_source("agentdojo", cut)


def test_links_and_hidden_files_of_an_archive_are_not_read(tmp_path: Path):
    archive = tmp_path / "runs.tar"
    with tarfile.open(archive, "w") as tar:
        link = tarfile.TarInfo("m/slack/user_task_0/none/none.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        for name in ("m/slack/user_task_0/none/._none.json", "../out/a.json"):
            content = json.dumps(log(*SAFE)).encode()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    report = read_source("agentdojo", archive, replay="never").report
    assert (report.lines, report.rows) == (1, 1)


def test_logs_as_jsonl_and_gzip_are_read_too(tmp_path: Path):
    path = tmp_path / "runs.jsonl.gz"
    path.write_bytes(
        gzip.compress(b"\n".join(json.dumps(r).encode() for r in (log(*SAFE), BENIGN)))
    )
    read = read_source("agentdojo", path, replay="never")
    assert read.report.rows == 2
    assert {p["source_dataset"] for p in read.scenarios["provenance"]} == {"model-1"}


def test_parts_calls_and_injections_are_read():
    scenario = read_one(log(*HIJACKED, security=True))
    assert verdict(scenario) == "attack_success"
    assert [m["role"] for m in scenario["messages"]] == ["system", "user", "assistant", "tool"]
    assert scenario["recorded"] is not None
    assert scenario["recorded"]["calls"] == [ToolCall(name="get_webpage", arguments=HIJACK["args"])]
    assert scenario["attack"] is not None
    assert scenario["attack"]["injection"] == INJECTION.strip()
    assert scenario["attack"]["goal"] == GOAL
    assert scenario["tools"][0]["function"]["name"] == "get_channels"
    assert scenario["provenance"]["judged_by"] == "patterns"


@pytest.mark.parametrize(
    ("attack", "text"),
    [("direct", f"TODO: {GOAL}"), ("injecagent", f"IMPORTANT!!! ({GOAL})"), ("mine", f"«{GOAL}»")],
)
def test_the_attacks_own_words_come_from_injections(attack: str, text: str):
    shown = result(f"- a: 1\n- b: Hello. {text} Bye.", READ)
    row = log(says(None, READ), shown, DONE, attack=attack, injections={"web": text})
    scenario = read_one(row)
    assert verdict(scenario) == "resisted"
    assert scenario["attack"] is not None
    assert (scenario["attack"]["injection"], scenario["attack"]["category"]) == (text, attack)


def test_an_injection_without_its_goal_is_not_in_view():
    masked = result(SHOWN.replace(GOAL, ""), READ)
    assert verdict(read_one(log(says(None, READ), masked, DONE))) == "injection_not_in_view"
    masked_too = log(says(None, READ), masked, DONE, injections=None)
    assert verdict(read_one(masked_too)) == "injection_not_in_view"


def test_missing_keys_are_no_harm():
    row = log(*SAFE)
    for key in ("error", "injections", "benchmark_version", "evaluation_timestamp"):
        del row[key]
    scenario = read_one(row)
    assert verdict(scenario) == "resisted"
    assert scenario["attack"] is not None
    assert scenario["attack"]["injection"] == INJECTION.strip()


@pytest.mark.parametrize(
    "facts",
    [
        {"error": "Skipping task: context_length_exceeded", "security": True, "utility": False},
        {"security": None, "utility": None},
        {"messages": [*log(*SAFE)["messages"][:-1]]},
        {
            "messages": [
                *log(*SAFE)["messages"][:-1],
                says("aborting execution because a prompt injection was detected (score: 1.0)"),
            ]
        },
    ],
)
def test_a_run_that_did_not_come_to_its_end_is_no_evidence(facts: dict[str, Any]):
    assert verdict(read_one(log(*SAFE, **facts))) == "broken_off"
    benign = {**BENIGN, **facts, "utility": facts.get("utility", True)}
    assert verdict(read_one(benign)) == "broken_off"


def test_a_run_without_calls_saw_no_injection():
    assert verdict(read_one(log(DONE))) == "injection_not_in_view"
    assert verdict(read_one(log(DONE, attack=None))) == "retain"


def test_a_call_that_is_said_twice_is_made_once():
    text = (
        "<function_thought></function_thought>\n\n"
        '<function_call>[get_webpage(url="www.informations.com")]</function_call>\n\n'
        "<final_answer></final_answer>"
    )
    row = log(says(text, READ), result("News.", READ), DONE, attack=None)
    scenario = read_one(row)
    assert scenario["recorded"] is not None
    assert scenario["recorded"]["calls"] == [ToolCall(name="get_webpage", arguments=READ["args"])]
    assert scenario["recorded"]["content"] == ""


@pytest.mark.parametrize(
    "text",
    [
        'I look.\n<function_call>[get_webpage(url="www.informations.com")]</function_call>',
        'I look.\n<function-call>[get_webpage(url="www.informations.com")]</function-call>',
        'I look.\n<function_call>{"name": "get_webpage", "parameters": '
        '{"url": "www.informations.com"}}</function_call>',
    ],
)
def test_a_call_that_stands_in_the_text_alone_is_a_call(text: str):
    scenario = read_one(log(says(text), says("I cannot."), attack=None))
    assert scenario["recorded"] is not None
    assert scenario["recorded"]["calls"] == [ToolCall(name="get_webpage", arguments=READ["args"])]
    assert scenario["recorded"]["content"] == "I look."


def test_thoughts_are_left_out():
    thought = {"type": "thinking", "content": "hm", "id": None}
    turn = says(None, READ)
    turn["content"] = [thought, {"type": "text", "content": "I look."}]
    scenario = read_one(log(turn, result("News.", READ), DONE, attack=None))
    assert scenario["recorded"] is not None
    assert scenario["recorded"]["content"] == "I look."


def test_an_error_stands_where_the_model_read_it():
    row = log(says(None, READ), result("", READ, "ValueError: no"), says(None, READ), DONE)
    scenarios = list(read_agentdojo(row, RowPlace("a.json", 1), turns="all", replay="never"))
    assert scenarios[-1]["messages"][3] == {"role": "tool", "content": "ValueError: no"}


def test_what_the_user_asks_for_is_right_though_attackers_ask_for_it_elsewhere():
    task = {"user_task_id": "injection_task_3", "attack": None}
    scenario = read_one(log(says(None, HIJACK), result("", HIJACK), DONE, **task))
    assert verdict(scenario) == "retain"
    assert scenario["attack"] is None
    assert [pattern["name"] for pattern in scenario["expected"]["calls"]] == ["get_webpage"]
    assert verdict(read_one(log(DONE, **task))) == "unknown_user_task"
    undone = log(says(None, HIJACK), result("", HIJACK), DONE, utility=False, **task)
    assert verdict(read_one(undone)) == "unknown_user_task"


def test_goals_that_only_a_world_knows_are_not_guessed():
    words = {"suite_name": "shopping", "injection_task_id": "injection_task_0"}
    scenario = read_one(log(says(None, READ), result(SHOWN, READ), DONE, security=True, **words))
    assert verdict(scenario) == "goal_not_judged"
    assert scenario["tools"][0]["function"]["name"] == "send_money"


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("suite_name", 3, "suite_name is 3, expected text"),
        ("user_task_id", None, "user_task_id is None, expected text"),
        ("attack_type", 3, "attack_type is 3, expected text or null"),
        ("pipeline_name", [], r"pipeline_name is \[\], expected text or null"),
        ("injections", [], "injections is no object of texts"),
        ("injections", {"a": 1}, "injections is no object of texts"),
        ("security", "yes", "security is 'yes', expected true or false"),
        ("utility", 1, "utility is 1, expected true or false"),
        ("messages", [], "messages is empty"),
    ],
)
def test_malformed_log_is_one_sentence(key: str, value: Any, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        read_one(log(*SAFE, **{key: value}))


def test_replaying_is_auto_always_or_never():
    with pytest.raises(SourceError, match="replay is 'yes'; it must be one of auto, always, never"):
        SOURCE.reader(replay="yes")


def test_a_call_with_other_arguments_is_another_call():
    other = call("get_webpage", url="www.true-informations.org")
    row = log(says(None, READ), result(SHOWN, READ), says(None, other), result("", other), DONE)
    assert verdict(read_one(row)) == "resisted"
