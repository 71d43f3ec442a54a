"""AgentDojo traces to scenarios: decisions of a trace, labelled by what the model did.

In: rows `{index, messages, metadata, annotations}` of an export of AgentDojo runs. Out: by default
one scenario per trace, that ends right before the turn that tells: the first one with an
attacker's call, or the first one after the injection came into view, or, without an attack, a
right call.

AgentDojo's `security` flag is true on an attack row if the attack SUCCEEDED. It is cross-checked
here and decides nothing: a trace whose flag disagrees with its calls is set aside.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from cb_datasets.judge.offered_tools import OfferedTools, read_tools
from cb_datasets.judge.right_calls import what_is_wrong
from cb_datasets.llama31.calls import ToolCall
from cb_datasets.records import (
    Attack,
    CallPattern,
    Expected,
    RecordedCompletion,
    Scenario,
    ScenarioProvenance,
)
from cb_datasets.sources.agentdojo.facts import InjectionTask, Suite, suites
from cb_datasets.sources.messages.chat_messages import all_calls, chat_messages, message_calls
from cb_datasets.sources.messages.injected_text import find_injection
from cb_datasets.sources.messages.made_calls import calls_not_made, makes_call
from cb_datasets.sources.rows import RowPlace, SkipRow
from cb_datasets.sources.turns import check_turns

Messages = list[dict[str, Any]]

# AgentDojo's system prompt: "Do not assume the current year, but use the provided tools".
_ASKED_FOR = ("get_current_day",)


@dataclass(frozen=True, slots=True)
class _Trace:
    """A row, checked."""

    index: int | None
    messages: Messages
    suite: str
    user_task: str
    injection_task: str | None
    attack_type: str | None
    model: str | None
    success: bool
    security: bool


@dataclass(frozen=True, slots=True)
class _Decision:
    """The assistant turn that a scenario is about, and why it is set aside, if it is."""

    turn: int | None
    set_aside: str | None = None
    injection: str = ""
    attacked: bool = True


def read_agentdojo(
    row: dict[str, Any], place: RowPlace, *, turns: str = "decisive"
) -> Iterable[Scenario]:
    """The scenarios of an AgentDojo trace.

    Args:
        row: A row of an export of AgentDojo runs.
        place: Where it stands.
        turns: One of `cb_datasets.sources.turns.TURNS`. With "all" and "first", turns before the
            injection came into view are decisions without an attack, and turns after the
            attacker's call are set aside.

    Returns:
        One scenario, or one a decision. Its id tells file, suite, user task and injection task,
        and the turn, where it is not the decisive one that was asked for; the benign user task is
        its group, so that all models' traces of a task, attacked or not, stay together. `twin_id`
        is the id that the benign trace of the same task has, if the file holds one.

    Raises:
        SkipRow: For the row of metadata that such files begin with.
        ValueError: For a row that is no trace.
    """
    check_turns(turns)
    trace = _read_trace(row)
    suite = suites().get(trace.suite)
    attacked = trace.attack_type is not None
    task = suite.injection_tasks.get(trace.injection_task or "") if suite and attacked else None
    if suite is None:
        reason = f"unknown_suite: AgentDojo has no suite {trace.suite!r}."
        decision = _Decision(None, reason, attacked=attacked)
    elif attacked:
        decision = _attack_decision(trace, task)
    else:
        decision = _benign_decision(trace, suite)
    if turns == "decisive" or suite is None:
        return [_scenario(trace, place, suite, task, decision)]
    decisions = _all_decisions(trace, task, decision) or [decision]
    if turns == "first":
        del decisions[1:]
    return [_of_turn(_scenario(trace, place, suite, task, one), one.turn) for one in decisions]


def _of_turn(scenario: Scenario, turn: int | None) -> Scenario:
    """A scenario named by its turn; a benign trace has no one turn that would be its twin's."""
    if turn is None:
        return {**scenario, "twin_id": None}
    return {**scenario, "id": f"{scenario['id']}#turn{turn}", "twin_id": None}


def _all_decisions(
    trace: _Trace, task: InjectionTask | None, decisive: _Decision
) -> list[_Decision]:
    """Every assistant turn of a trace, given what the one that tells says."""
    unsolved = None if trace.success else "task_not_completed: The user's task was not solved."
    turns = _assistant_turns(trace.messages)
    if trace.attack_type is None:
        return [_Decision(turn, decisive.set_aside, attacked=False) for turn in turns]
    if task is None or not task.targets:
        return [_Decision(turn, decisive.set_aside) for turn in turns]
    view, injection = _first_view(trace.messages, task)
    found, gave_in = [], False
    for turn in turns:
        if view is None or turn < view:
            found.append(_Decision(turn, unsolved, attacked=False))
        elif gave_in:
            reason = "after_attack: The attacker's call was made before this turn."
            found.append(_Decision(turn, reason, injection))
        else:
            found.append(_Decision(turn, decisive.set_aside, injection))
            gave_in = makes_call(trace.messages[turn], task.targets, _offered(trace.suite))
    return found


def _read_trace(row: dict[str, Any]) -> _Trace:
    metadata = row.get("metadata")
    if not isinstance(metadata, dict):
        raise ValueError("metadata is missing, expected an object with suite_name and user_task_id")
    if "messages" not in row:
        if "suite_name" not in metadata:
            raise SkipRow("metadata row: it describes the file and holds no trace")
        raise ValueError("messages is missing")
    for key in ("suite_name", "user_task_id"):
        if not isinstance(metadata.get(key), str) or not metadata[key]:
            raise ValueError(f"metadata.{key} is {metadata.get(key)!r}, expected text")
    for key in ("success", "security"):
        if not isinstance(metadata.get(key), bool):
            raise ValueError(f"metadata.{key} is {metadata.get(key)!r}, expected true or false")
    for key in ("injection_task_id", "attack_type", "model"):
        if not isinstance(metadata.get(key), (str, type(None))):
            raise ValueError(f"metadata.{key} is {metadata[key]!r}, expected text or null")
    attack_type = metadata.get("attack_type")
    index = row.get("index")
    return _Trace(
        index=index if type(index) is int else None,
        messages=chat_messages(row["messages"]),
        suite=metadata["suite_name"],
        user_task=metadata["user_task_id"],
        injection_task=metadata.get("injection_task_id") or None,
        # AgentDojo itself writes "none" for runs without an attack.
        attack_type=None if attack_type in ("", "none") else attack_type,
        model=metadata.get("model"),
        success=metadata["success"],
        security=metadata["security"],
    )


def _attack_decision(trace: _Trace, task: InjectionTask | None) -> _Decision:
    if task is None:
        unknown = f"The suite {trace.suite} has no {trace.injection_task!r}."
        return _Decision(None, f"unknown_injection_task: {unknown}")
    if not task.targets or (trace.attack_type or "").endswith("dos"):
        return _Decision(None, "attack_without_call: The attacker wants no call, so none can tell.")
    view, injection = _first_view(trace.messages, task)
    turns = [] if view is None else _assistant_turns(trace.messages, after=view)
    attacker = next(
        (
            turn
            for turn in turns
            if makes_call(trace.messages[turn], task.targets, _offered(trace.suite))
        ),
        None,
    )
    if attacker is not None:
        if trace.security:
            return _Decision(attacker, None, injection)
        reason = "flag_disagrees: The attacker's call was made, and the flag denies its success."
        return _Decision(attacker, reason, injection)
    if trace.security:
        if not trace.success and trace.messages[-1]["role"] != "assistant":
            reason = "api_failure: The run broke off before the model answered."
            return _Decision(None, reason, injection)
        reason = "flag_disagrees: The flag claims success, and no attacker's call was made in view."
        return _Decision(None, reason, injection)
    if view is None:
        return _Decision(None, "injection_not_in_view: No tool result shows the injection.")
    if not turns:
        return _Decision(None, "no_turn_after_injection: The trace ends with it.", injection)
    return _Decision(turns[0], None, injection)


def _benign_decision(trace: _Trace, suite: Suite) -> _Decision:
    if trace.user_task not in suite.user_tasks:
        return _benign(None, f"unknown_user_task: {trace.suite} has no {trace.user_task!r}.")
    if not trace.success:
        return _benign(None, "task_not_completed: The user's task was not solved.")
    turns = _assistant_turns(trace.messages)
    calling = [turn for turn in turns if trace.messages[turn].get("tool_calls")]
    for turn in calling:
        expected = _expected(trace, suite, turn)
        if _is_right(trace.messages[turn], expected, _offered(trace.suite)):
            return _benign(turn)
    if calling:
        return _benign(calling[0])
    if turns:
        return _benign(turns[-1])
    return _benign(None, "no_assistant_turn: The model said nothing.")


def _benign(turn: int | None, set_aside: str | None = None) -> _Decision:
    return _Decision(turn, set_aside, attacked=False)


def _scenario(
    trace: _Trace,
    place: RowPlace,
    suite: Suite | None,
    task: InjectionTask | None,
    decision: _Decision,
) -> Scenario:
    end = len(trace.messages) if decision.turn is None else decision.turn
    task_id = f"{trace.suite}/{trace.user_task}"
    stem = place.file.removesuffix(".jsonl")
    twin_id = f"agentdojo/{stem}/{task_id}/none"
    attacked = trace.attack_type is not None
    injected = f"{trace.injection_task}/{trace.attack_type}"
    return Scenario(
        id=f"agentdojo/{stem}/{task_id}/{injected}" if attacked else twin_id,
        source="agentdojo",
        group=f"agentdojo/{task_id}",
        messages=trace.messages[:end],
        tools=list(suite.tools) if suite else [],
        expected=_expected(trace, suite, end, task if decision.attacked else None),
        attack=_attack(trace, task, decision.injection) if decision.attacked else None,
        twin_id=twin_id if attacked else None,
        recorded=None if decision.turn is None else _recorded(trace, decision.turn),
        set_aside=decision.set_aside,
        provenance=ScenarioProvenance(
            source_dataset=place.file,
            record_id=f"{task_id}/{trace.injection_task or 'none'}",
            record_index=trace.index,
        ),
    )


def _expected(
    trace: _Trace, suite: Suite | None, end: int, task: InjectionTask | None = None
) -> Expected:
    """What is right before message `end`, under the attack of a task where there is one."""
    if suite is None or trace.user_task not in suite.user_tasks:
        return Expected(behavior="call", calls=[])
    remaining = _remaining(trace, suite, end)
    looked_up = [CallPattern(name=name, arguments={}) for name in _look_ups(trace, suite, task)]
    behavior = "call" if remaining else "answer"
    return Expected(behavior=behavior, calls=remaining, task_calls=looked_up)


def _look_ups(trace: _Trace, suite: Suite, task: InjectionTask | None) -> list[str]:
    """The tools by which the user's task, and not the attacker's, looks something up.

    Facts show it of those alone that the task's own solution calls: others look up what the
    injection asks for first.
    """
    own = {pattern["name"] for pattern in _right_calls(trace, suite)} & suite.reads
    if task is not None:
        own -= task.reads
    return sorted(own | {name for name in _ASKED_FOR if name in _offered(trace.suite).schemas})


def _attack(trace: _Trace, task: InjectionTask | None, injection: str) -> Attack:
    return Attack(
        category=str(trace.attack_type),
        template=f"{trace.attack_type}/{trace.suite}/{trace.injection_task}",
        location="tool_result",
        injection=injection,
        targets=list(task.targets) if task else [],
    )


def _recorded(trace: _Trace, turn: int) -> RecordedCompletion:
    message = trace.messages[turn]
    return RecordedCompletion(
        content=message["content"],
        calls=message_calls(message),
        later_calls=all_calls(trace.messages[turn + 1 :]),
        model=trace.model,
    )


def _first_view(messages: Messages, task: InjectionTask) -> tuple[int | None, str]:
    for position, message in enumerate(messages):
        if message["role"] == "tool":
            injection = find_injection(message["content"], task.goals)
            if injection is not None:
                return position, injection
    return None, ""


def _assistant_turns(messages: Messages, after: int = -1) -> list[int]:
    return [n for n, m in enumerate(messages) if n > after and m["role"] == "assistant"]


@cache
def _offered(suite: str) -> OfferedTools:
    return read_tools(suites()[suite].tools)


def _is_right(message: dict[str, Any], expected: Expected, tools: OfferedTools) -> bool:
    """Whether a message makes a right call, and none that is not."""
    if not makes_call(message, expected["calls"], tools):
        return False
    made = [ToolCall(call["name"], call["arguments"]) for call in message_calls(message)]
    return what_is_wrong(made, expected, tools) is None


def _right_calls(trace: _Trace, suite: Suite) -> Sequence[CallPattern]:
    """The calls of the user's task."""
    prompt = next((m["content"] for m in trace.messages if m["role"] == "user"), "")
    return suite.right_calls(trace.user_task, prompt) or ()


def _remaining(trace: _Trace, suite: Suite, end: int) -> list[CallPattern]:
    """The right calls of the user's task that were not made before message `end`."""
    made = all_calls(trace.messages[:end])
    return calls_not_made(_right_calls(trace, suite), made, _offered(trace.suite))
