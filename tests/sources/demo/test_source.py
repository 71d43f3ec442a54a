"""The demo suite: well made, harmless by construction, and unseen by the tiny agent's training."""

from __future__ import annotations

import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from cb_datasets.judge.call_patterns import call_matches
from cb_datasets.records import CallPattern, Scenario
from cb_datasets.sources.demo.attacks import IN_MESSAGE, IN_TOOL_RESULT
from cb_datasets.sources.demo.lookups import ANSWERED, TWO_STEPS
from cb_datasets.sources.demo.probes import HARMLESS_QUESTIONS
from cb_datasets.sources.demo.queries import PHRASES
from cb_datasets.sources.demo.source import demo_scenarios
from cb_datasets.sources.demo.texts import DOCUMENTS, IMPROPER_REQUESTS, QUESTIONS
from cb_datasets.sources.demo.tools import TOOL_NAMES

TRAINING = Path(__file__).parents[3] / "examples" / "train_tiny_agent"
SCENARIOS = demo_scenarios()
BY_ID = {scenario["id"]: scenario for scenario in SCENARIOS}
ATTACKED = [(scenario, scenario["attack"]) for scenario in SCENARIOS if scenario["attack"]]


def _values(pattern: CallPattern) -> dict[str, Any]:
    return {name: condition["equals"] for name, condition in pattern["arguments"].items()}


def _patterns(scenario: Scenario) -> list[CallPattern]:
    return scenario["expected"]["calls"] + (
        scenario["attack"]["targets"] if scenario["attack"] else []
    )


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def test_the_suite_is_always_the_same() -> None:
    assert demo_scenarios() == SCENARIOS


def test_there_is_enough_of_every_kind() -> None:
    kinds = Counter(
        (s["expected"]["behavior"], s["attack"]["location"] if s["attack"] else None)
        for s in SCENARIOS
    )
    assert len(SCENARIOS) >= 400
    assert kinds["call", "user"] >= 100
    assert kinds["call", "tool_result"] + kinds["answer", "tool_result"] >= 60
    assert kinds["call", None] >= 100
    assert kinds["answer", None] >= 40
    assert kinds["refusal", None] >= 40


def test_harmless_requests_that_look_improper_are_a_kind_of_their_own() -> None:
    probes = [scenario for scenario in SCENARIOS if scenario.get("probe") == "over_refusal"]
    assert len(probes) >= 36
    assert len({probe["group"] for probe in probes}) == len(probes)
    assert all(probe["id"].startswith("demo_over_refusal_") for probe in probes)
    assert {probe["expected"]["behavior"] for probe in probes} == {"answer", "call"}
    assert {bool(probe["tools"]) for probe in probes} == {True, False}
    # They stand behind all others, whose ids and order are as they were.
    assert SCENARIOS[-len(probes) :] == probes


def test_ids_are_unique_and_are_the_upstream_ids() -> None:
    assert len(BY_ID) == len(SCENARIOS)
    assert all(s["provenance"]["record_id"] == s["id"] for s in SCENARIOS)
    assert {(s["source"], s["provenance"]["source_dataset"]) for s in SCENARIOS} == {
        ("demo", "demo")
    }


def test_a_twin_is_the_same_without_the_injection() -> None:
    for scenario, attack in ATTACKED:
        assert scenario["twin_id"] is not None
        twin = BY_ID[scenario["twin_id"]]
        assert twin["attack"] is None
        assert (twin["group"], twin["tools"], twin["expected"]) == (
            scenario["group"],
            scenario["tools"],
            scenario["expected"],
        )
        assert scenario["messages"][:-1] == twin["messages"][:-1]
        attacked, clean = scenario["messages"][-1], twin["messages"][-1]
        assert attacked["role"] == ("user" if attack["location"] == "user" else "tool")
        assert attacked["content"].count(attack["injection"]) == 1
        without = attacked["content"].replace(attack["injection"], "")
        assert _squeezed(without) == _squeezed(clean["content"])


def test_calls_are_of_offered_tools_and_fit_their_schemas() -> None:
    for scenario in SCENARIOS:
        schemas = {
            tool["function"]["name"]: tool["function"]["parameters"] for tool in scenario["tools"]
        }
        assert len(schemas) == len(scenario["tools"])
        calls = scenario["expected"]["behavior"] == "call"
        assert bool(scenario["expected"]["calls"]) == calls
        assert len(schemas) in ((2, 3, 4) if calls else (0, 2, 3, 4))
        for pattern in _patterns(scenario):
            schema = {**schemas[pattern["name"]], "additionalProperties": False}
            jsonschema.validate(_values(pattern), schema)


def test_the_right_call_is_never_the_attackers() -> None:
    for scenario, attack in ATTACKED:
        for target in attack["targets"]:
            for right in scenario["expected"]["calls"]:
                assert not call_matches(target, right["name"], _values(right))


def test_arguments_stand_in_the_prompt() -> None:
    for scenario in SCENARIOS:
        said = " ".join(message["content"] for message in scenario["messages"])
        for pattern in scenario["expected"]["calls"]:
            assert all(str(value) in said for value in _values(pattern).values())
    for _, attack in ATTACKED:
        for pattern in attack["targets"]:
            assert all(str(value) in attack["injection"] for value in _values(pattern).values())


def test_attacks_are_of_many_kinds_and_mostly_flip_the_tool() -> None:
    categories = Counter(attack["category"] for _, attack in ATTACKED)
    assert len(categories) >= 5
    assert max(categories.values()) <= 0.35 * len(ATTACKED)
    hijacks = [
        scenario
        for scenario, attack in ATTACKED
        if {t["name"] for t in attack["targets"]}
        & {c["name"] for c in scenario["expected"]["calls"]}
    ]
    assert 5 <= len(hijacks) <= 0.1 * len(ATTACKED)
    assert {target["name"] for _, attack in ATTACKED for target in attack["targets"]} == set(
        TOOL_NAMES
    )


def test_attackers_have_many_goals_and_none_is_a_users() -> None:
    wanted = Counter(str(pattern) for _, attack in ATTACKED for pattern in attack["targets"])
    assert len(wanted) >= 200
    assert max(wanted.values()) <= 2
    users = {str(call) for scenario in SCENARIOS for call in scenario["expected"]["calls"]}
    assert not users & wanted.keys()


def test_groups_and_wordings_come_in_blocks_that_a_split_can_keep_apart() -> None:
    assert len({s["group"] for s in SCENARIOS}) >= 100
    wordings = defaultdict(set)
    for scenario, attack in ATTACKED:
        wordings[scenario["group"]].add(attack["template"])
    blocks: list[set[str]] = []
    for templates in wordings.values():
        joined = [block for block in blocks if block & templates]
        blocks = [block for block in blocks if not block & templates]
        blocks.append(templates.union(*joined))
    assert len(blocks) >= 10


@pytest.fixture(scope="module")
def corpus() -> Iterator[ModuleType]:
    names = {path.stem for path in TRAINING.glob("*.py")}
    sys.path.insert(0, str(TRAINING))
    try:
        import corpus as module

        yield module
    finally:
        sys.path.remove(str(TRAINING))
        for name in names:
            sys.modules.pop(name, None)


def _word_runs(text: str, length: int) -> set[tuple[str, ...]]:
    words = re.findall(r"[\w']+", text.lower())
    return {tuple(words[at : at + length]) for at in range(len(words) - length + 1)}


def _texts(messages: list[dict[str, Any]]) -> str:
    return "\n".join(message["content"] for message in messages)


def test_the_training_corpus_shares_no_wording_and_no_topic(corpus: ModuleType) -> None:
    trained = corpus.conversations(4000, seed=0)
    seen: set[tuple[str, ...]] = set()
    for conversation in trained:
        for message in conversation.messages:
            seen |= _word_runs(message["content"], 4)
    own = [*DOCUMENTS, *QUESTIONS, *IMPROPER_REQUESTS, *HARMLESS_QUESTIONS]
    own += [lookup.text for lookup in (*ANSWERED, *TWO_STEPS)]
    for phrase in [p for phrases in PHRASES.values() for p in phrases] + [
        template.text for template in (*IN_MESSAGE, *IN_TOOL_RESULT)
    ]:
        own += re.split(r"\{\w+\}", phrase)
    assert not {run for text in own for run in _word_runs(text, 4)} & seen
    said = "\n".join(_texts(conversation.messages).lower() for conversation in trained)
    values = {
        str(value).lower()
        for s in SCENARIOS
        for p in _patterns(s)
        for name, value in _values(p).items()
        if name not in ("amount", "day")
    }
    among = [value for value in values if value in said]
    assert not [value for value in among if re.search(rf"\b{re.escape(value)}\b", said)]


def test_the_training_corpus_is_the_same_for_a_seed(corpus: ModuleType) -> None:
    assert corpus.conversations(20, seed=3) == corpus.conversations(20, seed=3)
    assert corpus.conversation(random.Random(1)) != corpus.conversation(random.Random(2))
