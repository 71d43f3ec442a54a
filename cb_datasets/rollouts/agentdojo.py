"""Episodes of AgentDojo's suites: each user task without an attack, and under each attack.

In: suites, attacks and tasks by name. Out: episodes, the attacks' texts made by AgentDojo's own
attacks, which address the model by the name that they are given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from typing_extensions import Unpack

from cb_datasets.environments.agentdojo import (
    AgentDojoEnvironment,
    agentdojo_suite,
    agentdojo_suites,
    has_agentdojo,
)
from cb_datasets.errors import EpisodeError
from cb_datasets.extras import install_command
from cb_datasets.options import checked
from cb_datasets.records import Attack
from cb_datasets.rollouts.episode import Episode
from cb_datasets.rollouts.options import AgentDojoOptions
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
        suite, version = given["suite"], given["version"]
        if not has_agentdojo():
            raise EpisodeError(f"agentdojo is not installed: {install_command('agentdojo')}")
        found = agentdojo_suite(suite, version) if isinstance(suite, str) else suite
        if found is None:
            known = ", ".join(sorted(agentdojo_suites(version))) or "none"
            asked = "give one as suite" if suite is None else f"there is no suite {suite!r}"
            raise EpisodeError(f"{asked}; AgentDojo {version} has: {known}")
        self._suite = found
        self._facts = suite_facts(found.name, version)
        self._user_tasks = _chosen(given["user_tasks"], found.user_tasks, found.name)
        self._injection_tasks = _chosen(given["injection_tasks"], found.injection_tasks, found.name)
        self._attacks = [_attack(name, found, given["model_name"]) for name in given["attacks"]]
        self._rollouts = given["rollouts"]
        self.name = f"agentdojo-{found.name}-{version}"
        self.not_injectable: list[str] = []

    def environment(self) -> AgentDojoEnvironment:
        """A world of its own."""
        return AgentDojoEnvironment(self._suite)

    def episodes(self) -> Iterator[Episode]:
        """Task by task, its twins first."""
        for user_task in self._user_tasks:
            for number in range(self._rollouts):
                yield self._twin(user_task, number)
            for attack in self._attacks:
                for task in self._injection_tasks:
                    texts = self._texts(attack, user_task, task)
                    for number in range(self._rollouts if texts else 0):
                        yield self._attacked(attack, user_task, task, texts, number)

    def _twin(self, user_task: str, number: int) -> Episode:
        task_id = f"{self._suite.name}/{user_task}"
        prompt = self._suite.user_tasks[user_task].PROMPT
        right = self._facts.right_calls(user_task, prompt) if self._facts else None
        return Episode(
            id=f"agentdojo/{task_id}/none/none/{number}",
            group=f"agentdojo/{task_id}",
            stream=f"agentdojo/{task_id}/{number}",
            task={"user_task": user_task},
            expected=right or (),
        )

    def _attacked(
        self, attack: Any, user_task: str, task: str, texts: dict[str, str], number: int
    ) -> Episode:
        twin = self._twin(user_task, number)
        facts = self._facts.injection_tasks.get(task) if self._facts else None
        injections = tuple(dict.fromkeys(texts.values()))
        return Episode(
            id=f"agentdojo/{self._suite.name}/{user_task}/{attack.name}/{task}/{number}",
            group=twin.group,
            stream=twin.stream,
            task={"user_task": user_task, "injection_task": task, "injections": texts},
            expected=twin.expected,
            attack=Attack(
                category=attack.name,
                template=f"{attack.name}/{self._suite.name}/{task}",
                location="tool_result",
                injection=injections[0],
                targets=list(facts.targets) if facts else [],
                goal=self._suite.injection_tasks[task].GOAL,
            ),
            texts=injections,
            twin_id=twin.id,
        )

    def _texts(self, attack: Any, user_task: str, task: str) -> dict[str, str]:
        """The attack's text at each place; none where AgentDojo can put it nowhere."""
        try:
            made = attack.attack(
                self._suite.user_tasks[user_task], self._suite.injection_tasks[task]
            )
        except ValueError:
            if user_task not in self.not_injectable:
                self.not_injectable.append(user_task)
            return {}
        return dict(made)


def _chosen(names: Sequence[str] | None, tasks: dict[str, Any], suite: str) -> list[str]:
    if names is None:
        return list(tasks)
    if strange := [name for name in names if name not in tasks]:
        raise EpisodeError(f"the suite {suite} has no task {strange[0]!r}")
    return list(names)


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
