from __future__ import annotations

import json
from pathlib import Path

from cb_datasets.sources.agentdojo import facts as agentdojo_facts
from cb_datasets.sources.agentdojo.facts import suites


def test_facts_name_their_package_licence_and_copyright():
    facts = json.loads(Path(agentdojo_facts.__file__).with_suffix(".json").read_text("utf-8"))
    assert (facts["package"], facts["version"], facts["licence"]) == ("agentdojo", "0.1.35", "MIT")
    assert "Edoardo Debenedetti" in facts["copyright"]


def test_facts_of_the_fork_name_it_its_licence_and_copyright():
    path = Path(agentdojo_facts.__file__).with_name("agentdyn_facts.json")
    facts = json.loads(path.read_text("utf-8"))
    assert (facts["url"], facts["licence"]) == ("https://github.com/leolee99/AgentDyn", "MIT")
    assert "Edoardo Debenedetti" in facts["copyright"]


def test_only_a_world_knows_the_attackers_calls_of_shopping_and_github():
    known = {name: {t.known for t in s.injection_tasks.values()} for name, s in suites().items()}
    assert [name for name, found in known.items() if found == {False}] == ["shopping", "github"]
    assert all(
        found == {True} for name, found in known.items() if name not in ("shopping", "github")
    )


def test_every_pattern_names_a_tool_of_its_suite_and_parameters_it_has():
    for name, suite in suites().items():
        parameters = {
            tool["function"]["name"]: tool["function"]["parameters"]["properties"]
            for tool in suite.tools
        }
        patterns = [p for task in suite.injection_tasks.values() for p in task.targets]
        patterns += [p for task in suite.user_tasks.values() for c in task.values() for p in c]
        for pattern in patterns:
            assert pattern["arguments"].keys() <= parameters[pattern["name"]].keys(), (
                name,
                pattern,
            )


def test_every_suite_has_all_its_tasks():
    sizes = {
        name: (len(s.tools), len(s.user_tasks), len(s.injection_tasks))
        for name, s in suites().items()
    }
    assert sizes == {
        "banking": (11, 16, 9),
        "dailylife": (27, 20, 10),
        "github": (34, 20, 9),
        "shopping": (39, 20, 9),
        "slack": (11, 21, 5),
        "travel": (28, 20, 7),
        "workspace": (24, 40, 14),
    }
