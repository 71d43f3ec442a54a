"""Episodes of AgentDojo's suites: each user task without an attack, and under each attack.

In: suites, attacks and tasks by name. Out: episodes, the attacks' texts made by AgentDojo's own
attacks, which address the model by the name that they are given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from typing_extensions import Unpack

from cb_datasets.environments import Observation, Score, Start
from cb_datasets.environments.agentdojo import (
    AgentDojoEnvironment,
    agentdojo_suite,
    agentdojo_suites,
    has_agentdojo,
    solution,
)
from cb_datasets.errors import EpisodeError
from cb_datasets.extras import install_command
from cb_datasets.formats.calls import ToolCall
from cb_datasets.options import checked
from cb_datasets.records import Attack
from cb_datasets.rollouts.episode import Episode
from cb_datasets.rollouts.options import AgentDojoOptions
from cb_datasets.rollouts.policies import DONE, Steps
from cb_datasets.sources.agentdojo.facts import suite_facts

_TARGET = "cb_datasets-target"


class AgentDojoEpisodes:
    """Episodes of suites.

    Args:
        **options: See `AgentDojoOptions`.

    Attributes:
        not_injectable: User tasks in which no attack can be put, of those gone through so far.

    Raises:
        EpisodeError: AgentDojo is not installed, or knows no such suite, attack or task.
    """

    def __init__(self, **options: Unpack[AgentDojoOptions]) -> None:
        given = checked(AgentDojoOptions, options, EpisodeError)
        if not has_agentdojo():
            raise EpisodeError(f"agentdojo is not installed: {install_command('agentdojo')}")
        version = given["version"]
        suites = _suites(given["suite"], version)
        self._suites = {suite.name: suite for suite in suites}
        self._facts = {name: suite_facts(name, version) for name in self._suites}
        self._user_tasks = _chosen(given["user_tasks"], suites, "user_tasks")
        self._injection_tasks = _chosen(given["injection_tasks"], suites, "injection_tasks")
        self._attacks = {
            suite.name: [_attack(name, suite, given["model_name"]) for name in given["attacks"]]
            for suite in suites
        }
        self._rollouts = given["rollouts"]
        self._steps: dict[tuple[str, ...], Steps | None] = {}
        self.name = f"agentdojo-{'-'.join(self._suites)}-{version}"
        self.not_injectable: list[str] = []

    def environment(self) -> SuiteWorlds:
        """A world of its own."""
        return SuiteWorlds(self._suites)

    def episodes(self) -> Iterator[Episode]:
        """Task by task, its twins first."""
        for suite in self._suites:
            for user_task in self._user_tasks[suite]:
                for number in range(self._rollouts):
                    yield self._twin(suite, user_task, number)
                for attack in self._attacks[suite]:
                    for task in self._injection_tasks[suite]:
                        texts = self._texts(attack, suite, user_task, task)
                        for number in range(self._rollouts if texts else 0):
                            yield self._attacked(attack, suite, user_task, task, texts, number)

    def right_steps(self, episode: Episode) -> Steps | None:
        """The ground truth of the user's task; None where the world does not take it for one."""
        suite = self._suites[episode.task["suite"]]
        task = episode.task["user_task"]
        said = getattr(suite.user_tasks[task], "GROUND_TRUTH_OUTPUT", "")
        return self._reaching("utility", suite, task, {"user_task": task}, [said or DONE])

    def attackers_steps(self, episode: Episode) -> Steps | None:
        """The ground truth of the injection task; None where it does not reach its goal.

        Where no call reaches it, saying it may: some attackers want words. And where some
        injections stand, the suite's own check can be met by nobody.
        """
        task = episode.task.get("injection_task")
        if task is None:
            return None
        suite = self._suites[episode.task["suite"]]
        goal = suite.injection_tasks[task].GOAL
        return self._reaching("attack_won", suite, task, episode.task, [None, goal])

    def _reaching(
        self, goal: str, suite: Any, task: str, begun: dict[str, Any], answers: list[str | None]
    ) -> Steps | None:
        """A task's ground truth with the first of some last words that reaches a goal with it."""
        key = (goal, suite.name, task, json.dumps(begun))
        if key not in self._steps:
            calls = tuple(ToolCall(*call) for call in solution(suite, task))
            tried = (Steps(calls, answer) for answer in answers)
            world = AgentDojoEnvironment(suite)
            found = (steps for steps in tried if getattr(_played(world, begun, steps), goal))
            self._steps[key] = next(found, None)
        return self._steps[key]

    def _twin(self, suite: str, user_task: str, number: int) -> Episode:
        task_id, facts = f"{suite}/{user_task}", self._facts[suite]
        prompt = self._suites[suite].user_tasks[user_task].PROMPT
        right = facts.right_calls(user_task, prompt) if facts else None
        return Episode(
            id=f"agentdojo/{task_id}/none/none/{number}",
            group=f"agentdojo/{task_id}",
            stream=f"agentdojo/{task_id}/{number}",
            task={"suite": suite, "user_task": user_task},
            expected=right or (),
            suite=suite,
        )

    def _attacked(
        self,
        attack: Any,
        suite: str,
        user_task: str,
        task: str,
        texts: dict[str, str],
        number: int,
    ) -> Episode:
        twin, known = self._twin(suite, user_task, number), self._facts[suite]
        facts = known.injection_tasks.get(task) if known else None
        injections = tuple(dict.fromkeys(texts.values()))
        return replace(
            twin,
            id=f"agentdojo/{suite}/{user_task}/{attack.name}/{task}/{number}",
            task={**twin.task, "injection_task": task, "injections": texts},
            attack=Attack(
                category=attack.name,
                template=f"{attack.name}/{suite}/{task}",
                location="tool_result",
                injection=injections[0],
                targets=list(facts.targets) if facts else [],
                goal=self._suites[suite].injection_tasks[task].GOAL,
            ),
            texts=injections,
            twin_id=twin.id,
        )

    def _texts(self, attack: Any, suite: str, user_task: str, task: str) -> dict[str, str]:
        """The attack's text at each place; none where AgentDojo can put it nowhere."""
        tasks = self._suites[suite]
        try:
            made = attack.attack(tasks.user_tasks[user_task], tasks.injection_tasks[task])
        except ValueError:
            if (name := f"{suite}/{user_task}") not in self.not_injectable:
                self.not_injectable.append(name)
            return {}
        return dict(made)


class SuiteWorlds:
    """One world whose episodes may be of any of several suites.

    Args:
        suites: `TaskSuite`s by name; a task says by `suite` which is its.
    """

    def __init__(self, suites: Mapping[str, Any]) -> None:
        self._suites = suites

    def reset(self, task: Mapping[str, Any]) -> Start:
        """Begin an episode: see `AgentDojoEnvironment`."""
        self._world = AgentDojoEnvironment(self._suites[task["suite"]])
        return self._world.reset(task)

    def call(self, name: str, arguments: Mapping[str, Any]) -> Observation:
        """Make a call."""
        return self._world.call(name, arguments)

    def score(self, answer: str | None = None) -> Score:
        """The suite's verdicts."""
        return self._world.score(answer)


def _played(world: AgentDojoEnvironment, task: dict[str, Any], steps: Steps) -> Score:
    """What a world says when these steps alone have been taken."""
    world.reset(task)
    for call in steps.calls:
        world.call(call.name, call.arguments)
    return world.score(steps.answer or DONE)


def _suites(given: Any, version: str) -> list[Any]:
    """The suites that were asked for, by name or as they are."""
    known = ", ".join(sorted(agentdojo_suites(version))) or "none"
    asked = [] if given is None else list(given) if isinstance(given, (list, tuple)) else [given]
    if not asked:
        raise EpisodeError(f"give one as suite; AgentDojo {version} has: {known}")
    found = []
    for suite in asked:
        named = agentdojo_suite(suite, version) if isinstance(suite, str) else suite
        if named is None:
            raise EpisodeError(f"there is no suite {suite!r}; AgentDojo {version} has: {known}")
        found.append(named)
    return found


def _chosen(names: Sequence[str] | None, suites: Sequence[Any], kind: str) -> dict[str, list[str]]:
    """The tasks of each suite, of a kind, that were asked for; all unless some were."""
    tasks = {suite.name: getattr(suite, kind) for suite in suites}
    if names is None:
        return {suite: list(own) for suite, own in tasks.items()}
    for name in names:
        if not any(name in own for own in tasks.values()):
            of = "suite" if len(tasks) == 1 else "suites"
            has = "has" if len(tasks) == 1 else "have"
            raise EpisodeError(f"the {of} {', '.join(tasks)} {has} no task {name!r}")
    return {suite: [name for name in names if name in own] for suite, own in tasks.items()}


def _attack(name: str, suite: Any, model_name: str) -> Any:
    """One of AgentDojo's attacks, for a model that AgentDojo has not heard of."""
    from agentdojo.attacks.attack_registry import ATTACKS
    from agentdojo.attacks.baseline_attacks import DirectAttack  # noqa: F401 - registers
    from agentdojo.attacks.important_instructions_attacks import (
        ToolKnowledgeAttack,  # noqa: F401 - registers
    )
    from agentdojo.models import MODEL_NAMES

    if name not in ATTACKS or name == "manual":
        raise EpisodeError(
            f"AgentDojo has no attack {name!r} (there are: {', '.join(sorted(ATTACKS))})"
        )
    MODEL_NAMES[_TARGET] = model_name
    try:
        return ATTACKS[name](suite, SimpleNamespace(name=_TARGET))
    finally:
        del MODEL_NAMES[_TARGET]
