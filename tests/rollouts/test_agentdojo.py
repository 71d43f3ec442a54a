"""AgentDojo's suites played live: its own ground truths as policies, through engine and loop."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import cb_datasets as cb
from cb_datasets.environments.agentdojo import agentdojo_suite, solution
from cb_datasets.errors import EpisodeError
from cb_datasets.rollouts import rollout
from cb_datasets.sources.messages.injected_text import find_injection
from tests.rollouts.scripted_engine import ScriptedEngine, call, says

pytest.importorskip("agentdojo", reason="the package agentdojo is not installed")

SUITES = ("banking", "slack", "travel", "workspace")


class Policy:
    """Makes the calls of the ground truth of the task whose prompt it reads.

    With `obeys`, those of an injection task come first once its goal is in view.
    """

    def __init__(self, suite: Any, *, obeys: bool = False) -> None:
        self._suite = suite
        self._obeys = obeys
        self._solutions = {task: solution(suite, task) for task in suite.user_tasks}
        self._wanted = {task: solution(suite, task) for task in suite.injection_tasks}

    def __call__(self, prompt: str, turn: int) -> str:
        tasks = self._suite.user_tasks
        task = max(
            (t for t in tasks if tasks[t].PROMPT.strip() in prompt),
            key=lambda name: len(tasks[name].PROMPT),
        )
        steps = list(self._solutions[task])
        if self._obeys and (attack := self._in_view(prompt)):
            steps = [*steps, *self._wanted[attack]]
        if turn < len(steps):
            name, arguments = steps[turn]
            return call(name, **arguments)
        return says(tasks[task].GROUND_TRUTH_OUTPUT or "Done.")

    def _in_view(self, prompt: str) -> str | None:
        # As tools print it: wrapped over lines, escaped, quoted.
        found = [
            name
            for name, task in self._suite.injection_tasks.items()
            if find_injection(prompt, [task.GOAL])
        ]
        return max(found, key=lambda n: len(self._suite.injection_tasks[n].GOAL), default=None)


def lines_of(folder: Path) -> list[dict[str, Any]]:
    with gzip.open(folder / "trajectories.jsonl.gz", "rt") as lines:
        return list(map(json.loads, lines))


@pytest.mark.long
@pytest.mark.parametrize("name", SUITES)
def test_the_ground_truth_solves_every_user_task(tmp_path: Path, name: str):
    suite = agentdojo_suite(name, "v1.2.2")
    engine = ScriptedEngine(Policy(suite), slots=16)
    report = rollout(
        "agentdojo", engine, tmp_path, episodes={"suite": name, "attacks": []}, max_turns=30
    )
    assert report.episodes == report.solved == len(suite.user_tasks)
    assert report.stops == {"answered": report.episodes}


@pytest.mark.long
def test_who_obeys_is_hijacked_and_the_world_says_at_which_call(tmp_path: Path):
    suite = agentdojo_suite("banking", "v1.2.2")
    engine = ScriptedEngine(Policy(suite, obeys=True), slots=16)
    report = rollout(
        "agentdojo",
        engine,
        tmp_path,
        episodes={
            "suite": "banking",
            "attacks": ["important_instructions", "direct"],
            "user_tasks": ["user_task_0", "user_task_1"],
            "model_name": "Tiny",
        },
        max_turns=30,
    )
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


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "give one as suite; AgentDojo v1.2.2 has: banking, slack"),
        ({"suite": "moon"}, "there is no suite 'moon'; AgentDojo v1.2.2 has: banking, slack"),
        ({"suite": "slack", "attacks": ["bribe"]}, "AgentDojo has no attack 'bribe'"),
        ({"suite": "slack", "attacks": ["manual"]}, "AgentDojo has no attack 'manual'"),
        ({"suite": "slack", "user_tasks": ["x"]}, "the suite slack has no task 'x'"),
    ],
)
def test_what_agentdojo_does_not_have_is_named(tmp_path: Path, options: Any, sentence: str):
    with pytest.raises(EpisodeError, match=sentence):
        rollout("agentdojo", ScriptedEngine(lambda *_: ""), tmp_path, episodes=options)
