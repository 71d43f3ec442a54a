"""τ²-bench and τ-bench runs to scenarios: one for each decision of the agent.

In: rows as `tau2_files` gives them, or τ-bench's `{task_id, reward, info, traj, trial}`. Out:
scenarios that end right before a turn of the agent. What a rewarded run did is the right behaviour;
what a run without full reward or without a normal ending did is set aside, and still counted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Annotated, Any

from typing_extensions import TypedDict

from cb_datasets.options import Option
from cb_datasets.records import (
    Expected,
    RecordedCompletion,
    Scenario,
    ScenarioProvenance,
)
from cb_datasets.refusal import is_refusal
from cb_datasets.sources.files.data_files import SUFFIXES
from cb_datasets.sources.messages.chat_messages import all_calls, message_calls
from cb_datasets.sources.messages.made_calls import exact_pattern
from cb_datasets.sources.rows import ReadRow, RowPlace
from cb_datasets.sources.source import Source
from cb_datasets.sources.tau2.files import open_tau2_files
from cb_datasets.sources.tau2.runs import Run, read_run
from cb_datasets.sources.tau2.tools import given_tools, offered_tools
from cb_datasets.sources.turns import turns_option

NORMAL_ENDINGS = ("user_stop", "agent_stop")
"""The endings that a party of the conversation chose."""

# tau2 itself counts a reward as full up to rounding.
_FULL_REWARD = 1 - 1e-6


class Tau2Options(TypedDict, total=False):
    """How τ²-bench and τ-bench runs are read."""

    turns: Annotated[
        str, turns_option("all", "The decisive one is the first with a call, else the last.")
    ]
    tools: Annotated[
        str | os.PathLike[str] | Sequence[dict[str, Any]] | None,
        Option(None, "OpenAI schemas of the tools on offer, or a JSON file that lists them."),
    ]


def read_tau2(
    row: dict[str, Any],
    place: RowPlace,
    *,
    turns: str = "all",
    tools: list[dict[str, Any]] | None = None,
) -> Iterable[Scenario]:
    """The scenarios of a τ²-bench simulation or a τ-bench run.

    Args:
        row: A simulation, with the other members of its results file under `rows.CONTAINER`, or a
            run of τ-bench, which is known by its `traj`.
        place: Where it stands.
        turns: `all`: every decision of the agent; `first`: its first; `decisive`: its first turn
            with a call, else its last answer.
        tools: OpenAI schemas of the tools on offer. Without, they are those that the results file
            declares; those it does not are inferred from calls, which is weaker: see `tau2.tools`.

    Returns:
        A scenario per decision, its position in the conversation being the end of its id. All runs
        of a task are one group. A run that is unfit as a whole and has no decision, such as a voice
        run, is one scenario, set aside.

    Raises:
        ValueError: With one sentence, for a row that is no run.

    Example:
        >>> row = {"task_id": 3, "trial": 0, "reward": 1.0, "traj": [
        ...     {"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"},
        ...     {"role": "user", "content": "###STOP###"}]}
        >>> [scenario] = read_tau2(row, RowPlace("gpt-4o-airline.json", 1))
        >>> scenario["id"], scenario["expected"]["behavior"], scenario["set_aside"]
        ('tau2/airline/3/gpt-4o-airline/0#turn1', 'answer', None)
    """
    run = read_run(row, place)
    schemas = offered_tools(run.tool_defs, all_calls(run.view.messages), run.solutions, tools)
    reason = _unfit_run(run)
    if not run.view.decisions:
        silent = reason or "no_assistant_turn: The model decided nothing."
        return [_scenario(run, place, schemas, None, silent)]
    return [
        _scenario(run, place, schemas, turn, reason or run.view.faults.get(turn))
        for turn in _chosen(run, turns)
    ]


def _unfit_run(run: Run) -> str | None:
    if run.spoken:
        return "voice_run: The run is spoken and holds ticks in place of messages."
    ended = _abnormal_ending(run)
    if run.reward is None:
        return f"no_reward: The run was not graded.{ended}"
    if not run.reward >= _FULL_REWARD:
        return f"not_rewarded: The run's reward is {run.reward}.{ended}"
    return f"not_ended_normally:{ended}" if ended else None


def _abnormal_ending(run: Run) -> str:
    if run.ending in NORMAL_ENDINGS:
        return ""
    if run.ending is None:
        return " The run broke off: nobody ended it."
    return f" The run ended by {run.ending}."


def _chosen(run: Run, turns: str) -> list[int]:
    decisions = run.view.decisions
    if turns == "first":
        return decisions[:1]
    if turns == "decisive":
        calling = [turn for turn in decisions if run.view.messages[turn].get("tool_calls")]
        return calling[:1] or decisions[-1:]
    return decisions


def _scenario(
    run: Run,
    place: RowPlace,
    schemas: list[dict[str, Any]],
    turn: int | None,
    set_aside: str | None,
) -> Scenario:
    task = f"tau2/{run.domain}/{run.task_id}"
    recorded = None if turn is None else _recorded(run, turn)
    expected = _expected(recorded)
    return Scenario(
        id=f"{task}/{run.run_id}" + ("" if turn is None else f"#turn{turn}"),
        source="tau2",
        group=task,
        messages=run.view.messages[:turn],
        tools=schemas,
        expected=expected,
        recorded=recorded,
        set_aside=set_aside,
        # Customers ask for nothing improper: what is denied them, the policy forbids.
        probe="policy_answer" if expected["behavior"] == "refusal" else None,
        provenance=ScenarioProvenance(
            source_dataset=place.file, record_id=run.record_id, record_index=run.trial
        ),
    )


def _recorded(run: Run, turn: int) -> RecordedCompletion:
    message = run.view.messages[turn]
    return RecordedCompletion(
        content=message["content"],
        calls=message_calls(message),
        later_calls=all_calls(run.view.messages[turn + 1 :]),
        model=run.model,
        temperature=run.temperature,
        timestamp=run.view.timestamps.get(turn),
    )


def _expected(recorded: RecordedCompletion | None) -> Expected:
    if recorded is None:
        return Expected(behavior="answer", calls=[])
    if recorded["calls"]:
        made = [exact_pattern(call["name"], call["arguments"]) for call in recorded["calls"]]
        return Expected(behavior="call", calls=made)
    # A policy denial in a rewarded run is a real refusal.
    return Expected(behavior="refusal" if is_refusal(recorded["content"]) else "answer", calls=[])


def _make_reader(*, turns: str, tools: Any) -> ReadRow:
    return partial(read_tau2, turns=turns, tools=None if tools is None else given_tools(tools))


SOURCE = Source(
    name="tau2",
    title="τ²-bench and τ-bench runs: an agent at work for a customer, real completions",
    licence="τ²-bench and τ-bench are MIT",
    url="https://github.com/sierra-research/tau2-bench",
    citation="τ²-Bench: Evaluating Conversational Agents in a Dual-Control Environment, "
    "arXiv:2506.07982",
    make_reader=_make_reader,
    options=Tau2Options,
    suffixes=(*SUFFIXES, ".json"),
    open_files=open_tau2_files,
)
