"""AgentDojo's suites as environments: any `TaskSuite`, of the package, of a fork, or a user's own.

In: a task `{user_task, injection_task, injections, now}`. Out: AgentDojo's own messages, tools,
results and verdicts; its tools are run by its own executor. The package is imported when an
environment is made, and never by `import cb_datasets`.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from typing import Any

from cb_datasets.environments.pinned import FIRST_DAY, Chance, pin_modules
from cb_datasets.environments.protocol import Observation, Score, Start
from cb_datasets.errors import EpisodeError

TRACES_VERSION = "v1.1"
"""The benchmark version that traces without one replay in: of those there are, in this one most."""


class AgentDojoEnvironment:
    """Episodes of one suite.

    Args:
        suite: A `TaskSuite`.

    Attributes:
        chance: Draws and clock of the episode; what a replayed run shows of them is put into it.
    """

    def __init__(self, suite: Any) -> None:
        from agentdojo.agent_pipeline.tool_execution import ToolsExecutor
        from agentdojo.functions_runtime import FunctionsRuntime

        self.suite = suite
        self.chance = Chance()
        self._runtime = FunctionsRuntime(suite.tools)
        self._executor = ToolsExecutor()
        self._begun: tuple[Any, Any] = (None, None)
        pin_modules(_modules_of(suite))

    def reset(self, task: Mapping[str, Any], known: Mapping[int, str] | None = None) -> Start:
        """Begin an episode.

        Args:
            task: `user_task`, the id of a user's task, or of an injection task that the user asks
                for; `injection_task`, the attacker's, or None; `injections`, the text at each
                place that an injection can stand in; `now`, what the clock shows, ISO 8601.
            known: What draws turned out to be (`Chance`).

        Raises:
            EpisodeError: The suite has no such task or place.
        """
        user_tasks, attackers = self.suite.user_tasks, self.suite.injection_tasks
        self._user_task = _named({**attackers, **user_tasks}, task["user_task"], self.suite.name)
        self._attacker = None
        if task.get("injection_task") is not None:
            self._attacker = _named(attackers, task["injection_task"], self.suite.name)
        now = task.get("now")
        self.chance = Chance(datetime.datetime.fromisoformat(now) if now else FIRST_DAY, known)
        self._before = self._initial(dict(task.get("injections") or {}))
        self._world = self._before.model_copy(deep=True)
        self._made: list[Any] = []
        asked = getattr(self._user_task, "PROMPT", None) or self._user_task.GOAL
        messages = [
            {"role": "system", "content": _system_message()},
            {"role": "user", "content": asked},
        ]
        return Start(messages, suite_tools(self.suite))

    def call(self, name: str, arguments: Mapping[str, Any]) -> Observation:
        """Make a call, as AgentDojo's executor makes it."""
        from agentdojo.functions_runtime import FunctionCall
        from agentdojo.types import get_text_content_as_str
        from pydantic import ValidationError

        try:
            call = FunctionCall(function=name, args=dict(arguments))
        except ValidationError as error:
            return Observation("", f"ValidationError: {error}")
        turn = {"role": "assistant", "content": None, "tool_calls": [call]}
        self._made.append(call)
        with self.chance.reigns():
            try:
                found = self._executor.query("", self._runtime, self._world, [turn])
            except TypeError as error:
                # Its formatter knows some types of results and no others.
                return Observation("", f"TypeError: {error}")
        self._world, result = found[2], found[3][-1]
        return Observation(get_text_content_as_str(result["content"]), result["error"])

    def score(self, answer: str | None = None) -> Score:
        """AgentDojo's verdicts on the world as it is now."""
        done = won = None
        with self.chance.reigns():
            if answer is not None:
                done = self._verdict(self._user_task, answer)
            if self._attacker is not None:
                won = self._verdict(self._attacker, answer or "")
        return Score(done, won)

    def _verdict(self, task: Any, answer: str) -> bool | None:
        kind = "utility" if hasattr(task, "utility") else "security"
        given = (answer, self._before, self._world)
        try:
            found = getattr(task, f"{kind}_from_traces")(*given, self._made)
            return bool(getattr(task, kind)(*given) if found is None else found)
        except Exception:
            # A world that a task's own check does not expect: it tells nothing.
            return None

    def _initial(self, injections: dict[str, str]) -> Any:
        """The world that an episode begins in, read once for episodes that begin alike."""
        key = (self._user_task.ID, tuple(sorted(injections.items())))
        if self._begun[0] != key:
            try:
                with self.chance.reigns():
                    world = _load_world(self.suite, injections)
                    if hasattr(self._user_task, "init_environment"):
                        world = self._user_task.init_environment(world)
            except ValueError as error:
                raise EpisodeError(
                    f"the suite {self.suite.name} cannot hold these injections ({error})"
                ) from error
            self._begun = (key, world)
        return self._begun[1]


def agentdojo_suite(name: str, version: str) -> Any | None:
    """A suite of the installed package, or None without the package or the suite.

    Example:
        >>> agentdojo_suite("no such suite", "v1") is None
        True
    """
    return agentdojo_suites(version).get(name) if has_agentdojo() else None


def has_agentdojo() -> bool:
    """Whether the package, or a fork of the same name, can be imported."""
    return find_spec("agentdojo") is not None


@cache
def agentdojo_suites(version: str) -> dict[str, Any]:
    """The suites of a benchmark version; none where it is unknown."""
    from agentdojo.task_suite.load_suites import get_suites

    return dict(get_suites(version))


def suite_tools(suite: Any) -> list[dict[str, Any]]:
    """The OpenAI schemas of a suite's tools, as AgentDojo gives them to a model."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters.model_json_schema(),
            },
        }
        for tool in suite.tools
    ]


def solution(suite: Any, task_id: str) -> list[tuple[str, dict[str, Any]]]:
    """The calls of a task's ground truth, name and arguments, in the world without injections.

    Args:
        suite: The suite.
        task_id: A user's task or an attacker's.

    Raises:
        EpisodeError: The suite has no such task.
    """
    tasks = {**suite.injection_tasks, **suite.user_tasks}
    task = _named(tasks, task_id, suite.name)
    world = _load_world(suite, {})
    if hasattr(task, "init_environment"):
        world = task.init_environment(world)
    return [(call.function, dict(call.args)) for call in task.ground_truth(world)]


def _named(tasks: Mapping[str, Any], name: str, suite: str) -> Any:
    if name not in tasks:
        raise EpisodeError(f"the suite {suite} has no task {name!r}")
    return tasks[name]


def _modules_of(suite: Any) -> set[str]:
    tasks = [*suite.user_tasks.values(), *suite.injection_tasks.values()]
    own = [suite.environment_type, *map(type, tasks), *(tool.run for tool in suite.tools)]
    return {item.__module__ for item in own}


def _load_world(suite: Any, injections: dict[str, str]) -> Any:
    """What `suite.load_and_inject_default_environment` gives, ten times as fast with libyaml."""
    import yaml
    from agentdojo.task_suite.task_suite import TaskSuite, read_suite_file, validate_injections

    theirs = type(suite).load_and_inject_default_environment
    if theirs is not TaskSuite.load_and_inject_default_environment:
        return suite.load_and_inject_default_environment(injections)
    defaults = suite.get_injection_vector_defaults()
    validate_injections(injections, defaults)
    text = read_suite_file(suite.name, "environment.yaml", suite.data_path)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    world = yaml.load(text.format(**(defaults | injections)), Loader=loader)
    return suite.environment_type.model_validate(world)


@cache
def _system_message() -> str:
    from agentdojo.agent_pipeline.agent_pipeline import load_system_message

    return str(load_system_message(None))
