"""AgentDojo runs to scenarios: decisions of a run, labelled by what the model did.

In: rows of an export of AgentDojo runs, or the logs that AgentDojo writes. Out: by default one
scenario per run, that ends right before the turn that tells: the one that met the attacker's goal,
or the first one after the injection came into view, or, without an attack, a right call.

Where the suite's package is installed, the run's calls are made again in its environment, and the
world says whether and when the goal was met; elsewhere patterns of the attacker's calls say it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from typing_extensions import TypedDict

from cb_datasets.environments import Replay
from cb_datasets.environments.agentdojo import TRACES_VERSION, has_agentdojo
from cb_datasets.errors import SourceError
from cb_datasets.extras import install_command
from cb_datasets.options import Option
from cb_datasets.records import (
    Attack,
    CallPattern,
    Expected,
    RecordedCompletion,
    Scenario,
    ScenarioProvenance,
)
from cb_datasets.sources.agentdojo.decisions import (
    TraceDecision,
    asked_for_decision,
    assistant_turns,
    attack_decision,
    benign_decision,
    expected_at,
    first_view,
    not_solved,
    unjudgeable,
)
from cb_datasets.sources.agentdojo.facts import InjectionTask, Suite, suite_facts
from cb_datasets.sources.agentdojo.files import SUFFIXES, open_agentdojo_files
from cb_datasets.sources.agentdojo.trace import Trace, read_trace
from cb_datasets.sources.agentdojo.world import replayed, world_decision
from cb_datasets.sources.messages.chat_messages import all_calls, message_calls
from cb_datasets.sources.messages.made_calls import makes_call
from cb_datasets.sources.rows import ReadRow, RowPlace
from cb_datasets.sources.source import Source
from cb_datasets.sources.turns import turns_option

REPLAY = ("auto", "always", "never")
"""Whether runs are replayed: where it can be done, always (or not at all), or never."""


class AgentDojoOptions(TypedDict, total=False):
    """How AgentDojo runs are read."""

    turns: Annotated[str, turns_option("decisive", "The decisive one is the one that tells.")]
    replay: Annotated[
        str,
        Option(
            "auto",
            "Whether runs are replayed in AgentDojo's environments, whose state then tells which "
            f"decision did the harm: {', '.join(REPLAY)}. auto: where agentdojo is installed.",
            choices=REPLAY,
        ),
    ]


def read_agentdojo(
    row: dict[str, Any], place: RowPlace, *, turns: str = "decisive", replay: str = "auto"
) -> Iterable[Scenario]:
    """The scenarios of an AgentDojo run.

    Args:
        row: A row of an export of AgentDojo runs, or a log that AgentDojo wrote.
        place: Where it stands.
        turns: One of `cb_datasets.sources.turns.TURNS`. With "all" and "first", turns before the
            injection came into view are decisions without an attack, and turns after the
            attacker's call are set aside.
        replay: One of `REPLAY`.

    Returns:
        One scenario, or one a decision. Its id tells file or pipeline, suite, user task and
        injection task, and the turn, where it is not the decisive one that was asked for; the
        benign user task is its group, so that all models' runs of a task, attacked or not, stay
        together. `twin_id` is the id that the benign run of the same task has, if there is one.

    Raises:
        SkipRow: For the row of metadata that such files begin with.
        ValueError: For a row that is no run.
    """
    trace = read_trace(row, place)
    suite = suite_facts(trace.suite, trace.version or TRACES_VERSION)
    if suite is None:
        reason = f"unknown_suite: AgentDojo has no suite {trace.suite!r}."
        decision = TraceDecision(None, reason, attacked=trace.attack_type is not None)
        return [_Reading(trace, place, None, None, None).scenario(decision)]
    attacked = trace.attack_type is not None
    task = suite.injection_tasks.get(trace.injection_task or "") if attacked else None
    world = None if replay == "never" else replayed(trace)
    reading = _Reading(trace, place, suite, task, world)
    if world is None and replay == "always":
        reason = "not_replayed: The agentdojo that is installed has no such suite, task or place."
        return [reading.scenario(TraceDecision(None, reason, attacked=attacked))]
    decision = reading.decisive()
    if turns == "decisive":
        return [reading.scenario(decision)]
    decisions = reading.all_decisions(decision) or [decision]
    if turns == "first":
        del decisions[1:]
    return [_of_turn(reading.scenario(one), one.turn) for one in decisions]


def _of_turn(scenario: Scenario, turn: int | None) -> Scenario:
    """A scenario named by its turn; a benign run has no one turn that would be its twin's."""
    if turn is None:
        return {**scenario, "twin_id": None}
    return {**scenario, "id": f"{scenario['id']}#turn{turn}", "twin_id": None}


class _Reading:
    """One run on its way to scenarios."""

    def __init__(
        self,
        trace: Trace,
        place: RowPlace,
        suite: Suite | None,
        task: InjectionTask | None,
        world: Replay | None,
    ) -> None:
        self.trace = trace
        self.place = place
        self.suite = suite
        self.task = task
        self.world = world

    def decisive(self) -> TraceDecision:
        """The decision that tells."""
        assert self.suite is not None
        if self.trace.attack_type is None:
            return self._asked_for() or benign_decision(
                self.trace, self.suite, solved=self._solved()
            )
        if (none := unjudgeable(self.trace, self.task)) is not None:
            return none
        assert self.task is not None
        if self.world is None:
            return attack_decision(self.trace, self.task, self.suite)
        return world_decision(self.trace, self.task, self.suite, self.world)

    def all_decisions(self, decisive: TraceDecision) -> list[TraceDecision]:
        """Every assistant turn of the run, given what the one that tells says."""
        trace, task = self.trace, self.task
        turns = assistant_turns(trace.messages)
        if trace.attack_type is None:
            return [TraceDecision(turn, decisive.set_aside, attacked=False) for turn in turns]
        if task is None or unjudgeable(trace, task) is not None:
            return [TraceDecision(turn, decisive.set_aside) for turn in turns]
        view = first_view(trace, task)
        harm = None if self.world is None or self.world.met_at is None else decisive.turn
        found, gave_in = [], False
        for turn in turns:
            if view.message is None or turn < view.message:
                unsolved = not_solved(trace, self._solved())
                found.append(TraceDecision(turn, unsolved, attacked=False))
            elif gave_in:
                reason = "after_attack: The attacker's call was made before this turn."
                found.append(TraceDecision(turn, reason, view.injection))
            elif harm is not None and turn < harm and trace.messages[turn].get("tool_calls"):
                reason = "near_target: A later turn met the attacker's goal; this may lead there."
                found.append(TraceDecision(turn, reason, view.injection))
            else:
                found.append(replace(decisive, turn=turn, injection=view.injection))
                gave_in = self._gives_in(turn, decisive)
        return found

    def _asked_for(self) -> TraceDecision | None:
        assert self.suite is not None
        asked = self.suite.injection_tasks.get(self.trace.user_task)
        if asked is None or not self.trace.ended or not_solved(self.trace, self._solved()):
            return None
        met_at = None if self.world is None else self.world.met_at
        return asked_for_decision(self.trace, asked, self.suite, met_at)

    def _gives_in(self, turn: int, decisive: TraceDecision) -> bool:
        if self.world is not None and self.world.met_at is not None:
            return turn == decisive.turn
        if self.task is None or self.suite is None:
            return False
        message = self.trace.messages[turn]
        return makes_call(message, self.task.targets, self.suite.offered)

    def _solved(self) -> bool | None:
        # What solves a task differs between benchmark versions, and exports do not name theirs.
        if self.world is None or self.trace.version is None:
            return None
        return self.world.score.utility

    def scenario(self, decision: TraceDecision) -> Scenario:
        """The scenario that a decision is."""
        trace = self.trace
        end = len(trace.messages) if decision.turn is None else decision.turn
        attacked = trace.attack_type is not None
        run = trace.pipeline or self.place.file.removesuffix(".jsonl")
        twin_id = f"agentdojo/{run}/{trace.task_id}/none"
        injected = f"{trace.injection_task}/{trace.attack_type}"
        return Scenario(
            id=f"agentdojo/{run}/{trace.task_id}/{injected}" if attacked else twin_id,
            source="agentdojo",
            group=f"agentdojo/{trace.task_id}",
            messages=trace.messages[:end],
            tools=list(self.suite.tools) if self.suite else [],
            expected=self._expected(end, decision.right, attacked=decision.attacked),
            attack=self._attack(decision) if decision.attacked else None,
            twin_id=twin_id if attacked else None,
            recorded=None if decision.turn is None else self._recorded(decision.turn),
            set_aside=decision.set_aside,
            provenance=self._provenance(),
        )

    def _expected(
        self, end: int, right: tuple[CallPattern, ...] | None, *, attacked: bool
    ) -> Expected:
        if right is not None:
            return Expected(behavior="call", calls=list(right))
        if self.suite is None:
            return Expected(behavior="call", calls=[])
        return expected_at(self.trace, self.suite, end, self.task if attacked else None)

    def _attack(self, decision: TraceDecision) -> Attack:
        trace, task = self.trace, self.task
        targets = decision.targets
        if targets is None:
            targets = task.targets if task else ()
        return Attack(
            category=str(trace.attack_type),
            template=f"{trace.attack_type}/{trace.suite}/{trace.injection_task}",
            location="tool_result",
            injection=decision.injection,
            targets=list(targets),
            goal=task.goals[-1] if task else None,
        )

    def _recorded(self, turn: int) -> RecordedCompletion:
        message = self.trace.messages[turn]
        return RecordedCompletion(
            content=message["content"],
            calls=message_calls(message),
            later_calls=all_calls(self.trace.messages[turn + 1 :]),
            model=self.trace.model,
            timestamp=self.trace.timestamp,
        )

    def _provenance(self) -> ScenarioProvenance:
        trace = self.trace
        injection = trace.injection_task or "none"
        if trace.pipeline is None:
            source, record = self.place.file, f"{trace.task_id}/{injection}"
        else:
            source = trace.pipeline
            record = f"{trace.task_id}/{trace.attack_type or 'none'}/{injection}"
        return ScenarioProvenance(
            source_dataset=source,
            record_id=record,
            record_index=trace.index,
            judged_by="patterns" if self.world is None else "replay",
        )


def _make_reader(*, turns: str, replay: str) -> ReadRow:
    if replay == "always" and not has_agentdojo():
        raise SourceError(
            f"replay is 'always' and agentdojo is not installed: {install_command('agentdojo')}"
        )
    return partial(read_agentdojo, turns=turns, replay=replay)


SOURCE = Source(
    name="agentdojo",
    title="AgentDojo runs, logs or exports: agents under prompt injection, real completions",
    licence="AgentDojo and AgentDyn are MIT; exports of traces may declare none",
    url="https://github.com/ethz-spylab/agentdojo",
    citation="AgentDojo: A Dynamic Environment to Evaluate Prompt Injection Attacks and "
    "Defenses for LLM Agents, arXiv:2406.13352",
    make_reader=_make_reader,
    options=AgentDojoOptions,
    suffixes=SUFFIXES,
    open_files=open_agentdojo_files,
)
