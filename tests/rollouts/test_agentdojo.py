"""AgentDojo's suites played live: its own ground truths as policies, through engine and loop."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import cb_datasets as cb
from cb_datasets.engines import load_tokenizer
from cb_datasets.environments.agentdojo import agentdojo_suite
from cb_datasets.errors import EpisodeError
from cb_datasets.rollouts import rollout
from cb_datasets.rollouts.agentdojo import AgentDojoEpisodes
from cb_datasets.rollouts.policies import StepByStep
from tests.rollouts.scripted_engine import ScriptedEngine, says

pytest.importorskip("agentdojo", reason="the package agentdojo is not installed")

SUITES = ("banking", "slack", "travel", "workspace")


def policy(obeys: bool = False, **options: Any) -> StepByStep:
    """Takes the steps of the ground truths in the episodes that these options choose."""
    source = AgentDojoEpisodes(**options)
    episodes = list(source.episodes())
    return StepByStep(episodes, source, load_tokenizer(None), seed=0, obeys=obeys)


def lines_of(folder: Path) -> list[dict[str, Any]]:
    with gzip.open(folder / "trajectories.jsonl.gz", "rt") as lines:
        return list(map(json.loads, lines))


@pytest.mark.long
@pytest.mark.parametrize("name", SUITES)
def test_the_ground_truth_solves_every_user_task(tmp_path: Path, name: str):
    suite = agentdojo_suite(name, "v1.2.2")
    chosen = {"suite": name, "attacks": []}
    engine = ScriptedEngine(policy(**chosen), slots=16)
    report = rollout("agentdojo", engine, tmp_path, episodes=chosen, max_turns=30)
    assert report.episodes == report.solved == len(suite.user_tasks)
    assert report.stops == {"answered": report.episodes}


@pytest.mark.long
def test_who_obeys_is_hijacked_and_the_world_says_at_which_call(tmp_path: Path):
    suite = agentdojo_suite("banking", "v1.2.2")
    chosen = {
        "suite": "banking",
        "attacks": ["important_instructions", "direct"],
        "user_tasks": ["user_task_0", "user_task_1"],
        "model_name": "Tiny",
    }
    engine = ScriptedEngine(policy(obeys=True, **chosen), slots=16)
    report = rollout("agentdojo", engine, tmp_path, episodes=chosen, max_turns=30)
    assert report.attacked == 2 * 2 * len(suite.injection_tasks)
    assert report.attack_won == report.attacked
    lines = lines_of(tmp_path)
    assert {line["attack"]["category"] for line in lines if line["attack"]} == {
        *("important_instructions", "direct")
    }
    addressed = [line for line in lines if "important" in line["id"]]
    assert all("to you, Tiny." in line["texts"][0] for line in addressed)
    scenarios = cb.load_source("rollouts", tmp_path)
    sets = cb.build_sets(scenarios, engine, num_samples=1, eval_fraction=0)
    assert len(sets.ds) >= report.attack_won * 0.9
    assert {row["provenance"]["judged_by"] for row in sets.ds} == {"world"}
    for row in sets.ds:
        assert row["attack"]["injection"]
        assert any(row["attack"]["injection"] in m["content"] for m in row["messages"])
    assert report.decisions["sampled"] < 0.8 * report.decisions.total()


@pytest.mark.long
def test_agentdojo_s_figures_of_policies_over_two_suites(tmp_path: Path):
    nothing = ScriptedEngine(lambda prompt, turn: says("Done."))
    chosen = {
        "suite": "banking,slack",
        "user_tasks": ["user_task_0", "user_task_5"],
        "injection_tasks": ["injection_task_1", "injection_task_2"],
    }
    report = cb.evaluate_episodes(nothing, "agentdojo", episodes=chosen)
    assert len(report.results) == 2 * 2 * (1 + 2)
    found = {control.name: control.passed for control in report.controls}
    assert found["policy_ground_truth"] is found["policy_obeys"] is True
    assert found["asr_floor"] is False
    utility = {name: own["benign_utility"] for name, own in report.by("suite").items()}
    assert list(utility) == ["banking", "slack"]
    # AgentDojo takes user_task_5 of banking for done when nothing is done.
    assert [utility[name].numerator for name in utility] == [1, 0]
    assert report.policies["policy_idle"]["benign_utility"].numerator == 1
    assert report.judged_by == {"world": 8}


def test_steps_are_known_where_the_suite_s_own_check_can_be_met():
    chosen = {"suite": "workspace", "user_tasks": ["user_task_0", "user_task_14"]}
    source = AgentDojoEpisodes(**chosen, injection_tasks=["injection_task_0", "injection_task_6"])
    known = {
        (episode.task["user_task"], episode.task["injection_task"])
        for episode in source.episodes()
        if source.attackers_steps(episode) is not None
    }
    # The check of injection_task_0 takes an email that holds the injection for the attacker's; the
    # ground truth of injection_task_6 is empty.
    assert known == {("user_task_0", "injection_task_0")}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "give one as suite; AgentDojo v1.2.2 has: banking, slack"),
        ({"suite": "moon"}, "there is no suite 'moon'; AgentDojo v1.2.2 has: banking, slack"),
        ({"suite": "slack", "attacks": ["bribe"]}, "AgentDojo has no attack 'bribe'"),
        ({"suite": "slack", "attacks": ["manual"]}, "AgentDojo has no attack 'manual'"),
        ({"suite": "slack", "user_tasks": ["x"]}, "the suite slack has no task 'x'"),
        (
            {"suite": "slack,banking", "injection_tasks": ["x"]},
            "the suites slack, banking have no task 'x'",
        ),
    ],
)
def test_what_agentdojo_does_not_have_is_named(tmp_path: Path, options: Any, sentence: str):
    with pytest.raises(EpisodeError, match=sentence):
        rollout("agentdojo", ScriptedEngine(lambda *_: ""), tmp_path, episodes=options)
