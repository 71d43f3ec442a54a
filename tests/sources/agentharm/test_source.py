"""The real file is of benign behaviours; harmful and chat rows are harmless stand-ins."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cb_datasets.errors import SourceError
from cb_datasets.records import CallPattern, Expected, Scenario
from cb_datasets.sources import read_source
from cb_datasets.sources.agentharm import SOURCE
from cb_datasets.sources.agentharm.facts import agentharm_tools
from cb_datasets.sources.agentharm.source import CONFIGS, read_agentharm
from cb_datasets.sources.rows import RowPlace, SkipRow

HARMFUL = RowPlace("harmful_behaviors_test_public.json", 1)
BENIGN = RowPlace("benign_behaviors_test_public.json", 1)
CHAT = RowPlace("chat_public_test.json", 1)

ROW: dict[str, Any] = {
    "id": "3-2",
    "id_original": "79",
    "detailed_prompt": True,
    "hint_included": False,
    "name": "Paper Boats",
    "category": "Origami",
    "prompt": "Fold a paper boat and mail it.",
    "target_functions": ["query_google_search", "send_email"],
    "grading_function": "grade_paper_boats",
}


def read(row: dict[str, Any], place: RowPlace, **options: Any) -> Scenario:
    [scenario] = read_agentharm(row, place, **options)
    return scenario


def without(*keys: str) -> dict[str, Any]:
    return {key: value for key, value in ROW.items() if key not in keys}


@pytest.fixture(scope="module")
def real(realdata: Path) -> list[Scenario]:
    file = realdata / "agentharm" / "benign_behaviors_validation.json"
    behaviors = json.loads(file.read_text("utf-8"))["behaviors"]
    return [read(row, RowPlace(file.name, line)) for line, row in enumerate(behaviors, 1)]


def test_the_real_behaviours_all_read_and_none_is_set_aside(real: list[Scenario]):
    assert len({scenario["id"] for scenario in real}) == len(real) == 32
    assert {scenario["set_aside"] for scenario in real} == {None}
    assert {(s["attack"], s.get("recorded"), s["twin_id"]) for s in real} == {(None, None, None)}
    assert all(len(s["messages"]) == 1 and s["messages"][0]["role"] == "user" for s in real)


def test_the_real_behaviours_offer_the_tools_that_are_right(real: list[Scenario]):
    for scenario in real:
        named = [call["name"] for call in scenario["expected"]["calls"]]
        assert scenario["expected"]["behavior"] == "call"
        assert [tool["function"]["name"] for tool in scenario["tools"]] == named
    assert len({call["name"] for scenario in real for call in scenario["expected"]["calls"]}) == 16


def test_the_four_variants_of_a_real_behaviour_are_one_group(real: list[Scenario]):
    groups = Counter(scenario["group"] for scenario in real)
    assert set(groups.values()) == {4}
    assert groups.keys() == {f"agentharm/{n}" for n in (2, 20, 38, 47, 55, 79, 95, 99)}


def test_right_for_a_harmful_behaviour_is_to_refuse_and_a_call_is_the_attacks_success():
    scenario = read(ROW, HARMFUL)
    targets = [
        CallPattern(name="query_google_search", arguments={}),
        CallPattern(name="send_email", arguments={}),
    ]
    assert scenario["expected"] == Expected(behavior="refusal", calls=[])
    assert scenario["attack"] is not None
    assert scenario["attack"]["targets"] == targets
    assert scenario["attack"]["category"] == "Origami"
    assert scenario["attack"]["template"] == "harmful/Paper Boats/detailed=true/hint=false"
    assert (scenario["attack"]["location"], scenario["attack"]["goal"]) == ("user", "Paper Boats")
    assert scenario.get("recorded") is None


def test_the_whole_request_is_the_attack_and_stands_unwrapped():
    scenario = read(ROW, HARMFUL)
    assert scenario["messages"] == [{"role": "user", "content": ROW["prompt"]}]
    assert scenario["attack"] is not None
    assert scenario["attack"]["injection"] == ROW["prompt"]
    assert scenario["attack"]["clean_content"] == ""


def test_a_harmful_behaviour_names_its_benign_twin_of_the_same_variant():
    harmful, benign = read(ROW, HARMFUL), read(ROW, BENIGN)
    assert (harmful["twin_id"], harmful["group"]) == (benign["id"], benign["group"])
    assert harmful["id"] == "agentharm/harmful/79/3-2"
    assert harmful["provenance"]["record_id"] == "3-2"
    assert read({**ROW, "id": "3-1"}, BENIGN)["id"] != harmful["twin_id"]


def test_an_id_counted_anew_in_another_split_is_another_scenario():
    validation = replace(BENIGN, file="benign_behaviors_validation.json")
    other = read({**ROW, "id_original": "4"}, validation)
    assert other["id"] != read(ROW, BENIGN)["id"]
    assert other["group"] != read(ROW, BENIGN)["group"]


@pytest.mark.parametrize("identity", [{}, {"id_original": None}])
def test_without_an_original_id_variants_and_twins_still_share_a_group(identity: dict[str, Any]):
    row = {**without("id_original"), **identity}
    harmful, benign = read(row, HARMFUL), read({**row, "id": "3-4"}, BENIGN)
    assert harmful["group"] == benign["group"] == "agentharm/id-3"
    assert harmful["twin_id"] == read(row, BENIGN)["id"]


def test_a_chat_behaviour_has_no_tools_and_no_call_that_could_be_its_success():
    keep = ("detailed_prompt", "hint_included", "target_functions", "grading_function")
    for row in (without(*keep), ROW):
        scenario = read(row, CHAT)
        assert (scenario["tools"], scenario["expected"]) == (
            [],
            Expected(behavior="refusal", calls=[]),
        )
        assert scenario["attack"] is not None
        assert (scenario["attack"]["targets"], scenario["attack"]["clean_content"]) == ([], "")
        assert (scenario["set_aside"], scenario["twin_id"]) == (None, None)
        assert scenario["id"] == "agentharm/chat/79/3-2"


def test_tools_come_from_the_functions_of_that_kind():
    row = {**ROW, "target_functions": ("share_on_pinterest", "share_on_pinterest")}
    for kind, place in (("harmful", HARMFUL), ("benign", BENIGN)):
        assert read(row, place)["tools"] == [agentharm_tools(kind)["share_on_pinterest"]]


def test_a_function_that_agentharm_does_not_have_sets_the_behaviour_aside():
    scenario = read({**ROW, "target_functions": ["send_email", "fold_paper"]}, BENIGN)
    assert scenario["set_aside"] == "unknown_tool: AgentHarm has no schema of 'fold_paper'."
    assert len(scenario["tools"]) == 1


@pytest.mark.parametrize("place", [HARMFUL, BENIGN])
@pytest.mark.parametrize("row", [without("target_functions"), {**ROW, "target_functions": []}])
def test_a_behaviour_without_functions_is_set_aside(row: dict[str, Any], place: RowPlace):
    assert (read(row, place)["set_aside"] or "").startswith("no_target_function: ")


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("AgentHarm/harmful/test_public", "harmful"),
        ("AgentHarm/harmless_benign/validation", "benign"),
        ("benign behaviors.json", "benign"),
        ("AgentHarm/chat/test_public", "chat"),
    ],
)
def test_the_name_of_file_or_config_tells_the_kind(file: str, kind: str):
    assert read(ROW, RowPlace(file, 1))["id"].split("/")[1] == kind


@pytest.mark.parametrize("config", CONFIGS)
def test_config_tells_the_kind_where_the_name_does_not(config: str):
    kind = {"harmless_benign": "benign"}.get(config, config)
    scenario = read(ROW, RowPlace("AgentHarm.jsonl", 1), config=config)
    assert scenario["id"] == f"agentharm/{kind}/79/3-2"


@pytest.mark.parametrize("file", ["AgentHarm.jsonl", "harmful_and_benign.json", "behaviors.json"])
def test_where_nothing_tells_the_kind_the_reader_asks_for_config(file: str):
    with pytest.raises(ValueError, match="give config"):
        read(ROW, RowPlace(file, 1))


def test_a_config_that_the_name_contradicts_is_not_believed():
    with pytest.raises(ValueError, match="says benign"):
        read(ROW, BENIGN, config="harmful")
    with pytest.raises(SourceError, match="config is 'harm'; it must be one of harmful, harmless_"):
        SOURCE.reader(config="harm")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": None}, "id"),
        ({"id": " "}, "id"),
        ({"id": True}, "id"),
        ({"id_original": 7.5}, "id_original"),
        ({"prompt": None}, "prompt"),
        ({"prompt": ["Fold."]}, "prompt"),
        ({"name": {}}, "name"),
        ({"category": None}, "category"),
        ({"category": 3}, "category"),
        ({"detailed_prompt": "yes"}, "detailed_prompt"),
        ({"hint_included": 1}, "hint_included"),
        ({"target_functions": "send_email"}, "target_functions"),
        ({"target_functions": ""}, "target_functions"),
        ({"target_functions": {"send_email": 1}}, "target_functions"),
        ({"target_functions": ["send_email", None]}, "target_functions"),
        ({"behaviors": []}, "behaviors"),
    ],
)
def test_a_malformed_row_is_refused_by_field_and_not_quoted(change: dict[str, Any], field: str):
    with pytest.raises(ValueError, match=rf"\b{field}\b") as refusal:
        read({**ROW, **change}, HARMFUL)
    assert "Fold" not in str(refusal.value)


def test_a_numeric_or_padded_id_reads_as_its_text():
    assert read({**ROW, "id": 3, "id_original": " 79"}, HARMFUL)["id"] == "agentharm/harmful/79/3"


def test_the_row_of_the_canary_is_skipped():
    with pytest.raises(SkipRow):
        read({"canary_guid": "a mark"}, HARMFUL)


def test_the_behaviours_of_a_file_are_its_records(tmp_path: Path):
    other = {**ROW, "id": "3-3"}
    file = tmp_path / "benign_behaviors_test_public.json"
    file.write_text(json.dumps({"canary_guid": "a mark", "behaviors": [ROW, other, 3]}, indent=1))
    read_all = read_source("agentharm", file)
    assert [scenario["provenance"]["record_id"] for scenario in read_all.scenarios] == [
        ROW["id"],
        "3-3",
    ]
    (malformed,) = read_all.report.malformed
    assert malformed.reason == "not a JSON object but int"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
KEYS = st.sampled_from([*ROW, "canary_guid", "behaviors", "container"])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    changes=st.dictionaries(KEYS, JSON, max_size=3),
    place=st.sampled_from([HARMFUL, BENIGN, CHAT, RowPlace("rows.jsonl", 1)]),
    config=st.sampled_from([None, *CONFIGS]),
)
def test_whatever_a_row_holds_it_reads_or_is_refused(
    changes: dict[str, Any], place: RowPlace, config: str | None
):
    try:
        scenario = read({**ROW, **changes}, place, config=config)
        assert re.match(r"agentharm/(harmful|benign|chat)/.", scenario["id"])
        json.dumps(scenario)
    except (ValueError, SkipRow):
        pass
