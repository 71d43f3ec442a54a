"""A row of τ²-bench or τ-bench to one run, whichever of the two wrote it.

In: a simulation of τ²-bench, with the other members of its results file under `rows.CONTAINER`, or
a row `{task_id, reward, info, traj, trial}` of τ-bench, its first version. Out: a `Run`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cb_datasets.records import ToolCall
from cb_datasets.schema import JsonObject
from cb_datasets.sources.messages.chat_messages import message_calls
from cb_datasets.sources.rows import CONTAINER, RowPlace
from cb_datasets.sources.tau2.messages import STOP_MARK, AgentView, agent_view
from cb_datasets.sources.tau2.tools import solution_calls

_DOMAIN_IN_NAME = re.compile(r"(?<![a-z])(airline|retail|telecom)(?![a-z])", re.IGNORECASE)
_DOMAIN_IN_POLICY = re.compile(r"\s*#\s*(airline|retail|telecom)\s+agent\s+policy", re.IGNORECASE)

# How run.py of τ-bench names its files: strategy, model, temperature, tasks.
_FILE_OF_V1 = re.compile(
    r"(?:tool-calling|few-shot|react|act)-(?P<model>.+?)-(?P<temperature>\d+(?:\.\d+)?)_range_"
)

_NOTHING = AgentView([], [], {}, {})


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an agent.

    Attributes:
        domain: airline, retail, telecom, ... or `unknown`.
        task_id: Upstream id of the task.
        run_id: Tells the runs of a task apart.
        record_id: Upstream id of the run.
        trial: Number of the trial.
        view: What the agent read and said.
        reward: 1.0 for a solved task; None if it was not graded.
        ending: How it ended, in tau2's words; None if nobody ended it.
        spoken: Whether it is a voice run, which holds no messages.
        model: The agent's model.
        temperature: Its sampling temperature.
        tool_defs: The tools, as the results file declares them.
        solutions: Calls of the task solutions that the file holds.
    """

    domain: str
    task_id: str
    run_id: str
    record_id: str
    trial: int | None
    view: AgentView
    reward: float | None
    ending: str | None
    spoken: bool = False
    model: str | None = None
    temperature: float | None = None
    tool_defs: Any = None
    solutions: list[ToolCall] = field(default_factory=list)


def read_run(row: JsonObject, place: RowPlace) -> Run:
    """The run that a row records.

    Raises:
        ValueError: With one sentence, if it records none.

    Example:
        >>> row = {"task_id": 3, "trial": 0, "reward": 1.0, "traj": [
        ...     {"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"},
        ...     {"role": "user", "content": "###STOP###"}]}
        >>> run = read_run(row, RowPlace("gpt-4o-airline.json", 1))
        >>> run.domain, run.run_id, run.ending
        ('airline', 'gpt-4o-airline/0', 'user_stop')
    """
    return _read_v1(row, place) if "traj" in row else _read_simulation(row, place)


def _read_simulation(row: JsonObject, place: RowPlace) -> Run:
    container = _object(row, CONTAINER)
    info = _object(container, "info")
    environment, agent = _object(info, "environment_info"), _object(info, "agent_info")
    messages, ticks = row.get("messages"), row.get("ticks")
    if messages is None and not isinstance(ticks, list):
        raise ValueError("this is no simulation: it has neither messages nor ticks nor traj")
    spoken = bool(ticks) or messages is None or _holds_audio(messages)
    # The knowledge domain has a policy of its own for each simulation.
    policy = _text(row, "policy") or _text(environment, "policy")
    view = _NOTHING if spoken or messages == [] else agent_view(messages, policy)
    simulation = _text(row, "id")
    if not simulation:
        raise ValueError("id is missing, expected the simulation's")
    return Run(
        domain=_text(environment, "domain_name") or _guessed_domain(place, view, policy),
        task_id=_task_id(row),
        run_id=simulation,
        record_id=simulation,
        trial=_trial(row),
        view=view,
        reward=_number(_object(row, "reward_info"), "reward"),
        ending=_text(row, "termination_reason") or _ending(view.messages),
        spoken=spoken,
        model=_text(agent, "llm"),
        temperature=_number(_object(agent, "llm_args"), "temperature"),
        tool_defs=environment.get("tool_defs"),
        solutions=solution_calls(_task_actions(container.get("tasks"))),
    )


def _read_v1(row: JsonObject, place: RowPlace) -> Run:
    info = _object(row, "info")
    task = _object(info, "task")
    view = _NOTHING if row["traj"] == [] else agent_view(row["traj"])
    task_id, trial = _task_id(row), _trial(row)
    stem = place.file.removesuffix(".json").removesuffix(".jsonl")
    named = _FILE_OF_V1.match(stem)
    actions = task.get("actions")
    return Run(
        domain=_guessed_domain(place, view, None),
        task_id=task_id,
        run_id=f"{stem}/{f'line{place.line}' if trial is None else trial}",
        record_id=task_id if trial is None else f"{task_id}/{trial}",
        trial=trial,
        view=view,
        reward=_number(row, "reward"),
        ending="error" if info.get("error") else _ending(view.messages),
        model=_text(info, "model") or (named["model"] if named else None),
        temperature=float(named["temperature"]) if named else None,
        solutions=solution_calls(actions if isinstance(actions, list) else ()),
    )


def _ending(messages: Sequence[JsonObject]) -> str | None:
    """How a run ended that does not say so: by its last messages."""
    if messages and messages[-1]["role"] == "user" and STOP_MARK in messages[-1]["content"]:
        return "user_stop"
    if len(messages) > 1 and messages[-1]["role"] == "tool":
        calls = message_calls(messages[-2])
        if any(call["name"] == "transfer_to_human_agents" for call in calls):
            return "agent_stop"
    return None


def _guessed_domain(place: RowPlace, view: AgentView, policy: str | None) -> str:
    named = _DOMAIN_IN_NAME.search(place.file)
    if named is None:
        prompt = view.messages[0]["content"] if view.messages else policy or ""
        named = _DOMAIN_IN_POLICY.match(prompt)
    return named[1].lower() if named else "unknown"


def _holds_audio(messages: Any) -> bool:
    return isinstance(messages, list) and any(
        isinstance(message, dict) and message.get("is_audio") for message in messages
    )


def _task_actions(tasks: Any) -> Iterator[Any]:
    for task in tasks if isinstance(tasks, list) else ():
        criteria = task.get("evaluation_criteria") if isinstance(task, dict) else None
        actions = criteria.get("actions") if isinstance(criteria, dict) else None
        yield from actions if isinstance(actions, list) else ()


def _task_id(row: JsonObject) -> str:
    value = row.get("task_id")
    if isinstance(value, str) and value:
        return value
    if type(value) is int:
        return str(value)
    raise ValueError(f"task_id is {value!r}, expected text or a whole number")


def _trial(row: JsonObject) -> int | None:
    value = row.get("trial")
    if value is None or type(value) is int:
        return value
    raise ValueError(f"trial is {value!r}, expected a whole number or null")


def _object(row: JsonObject, key: str) -> JsonObject:
    value = row.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{key} is {value!r:.60}, expected an object or null")
    return value


def _text(row: JsonObject, key: str) -> str | None:
    value = row.get(key)
    if value is None or isinstance(value, str):
        return value
    raise ValueError(f"{key} is {value!r:.60}, expected text or null")


def _number(row: JsonObject, key: str) -> float | None:
    value = row.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{key} is {value!r:.60}, expected a number or null")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{key} is too large a number") from None
