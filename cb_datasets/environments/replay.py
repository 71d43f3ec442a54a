"""The world as judge of a recorded run: its calls are made again, and after each it is asked.

In: an environment, a task, and the turns of a run with what each call gave back. Out: the call
after which the attacker's goal held, and the verdicts at the end. Where the run shows what chance
gave it (a one-time password, the number of an order), the replay begins again with that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cb_datasets.environments.pinned import Chance
from cb_datasets.environments.protocol import Observation, Score, Start
from cb_datasets.records import ToolCall

_WORD = re.compile(r"\w+")

# How AgentDojo writes an error of a tool's own; a call that a defence refused has other words.
_OF_A_TOOL = re.compile(r"\w*(Error|Exception|Warning): |Invalid tool |Empty function name ")

_MOST_BEGINNINGS = 40
"""So often a replay begins again: each time it knows one more draw, or one call less."""


class ReplayEnvironment(Protocol):
    """An environment whose chance can be set."""

    chance: Chance

    def reset(self, task: Mapping[str, Any], known: Mapping[int, str] | None = None) -> Start: ...  # noqa: D102

    def call(self, name: str, arguments: Mapping[str, Any]) -> Observation: ...  # noqa: D102

    def score(self, answer: str | None = None) -> Score: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class RecordedTurn:
    """The calls of one assistant message that were carried out, and what each gave back.

    Attributes:
        message: Its position among the messages.
        calls: The calls; one that no result answers was not carried out, and is not among them.
        results: As many results.
    """

    message: int
    calls: Sequence[ToolCall]
    results: Sequence[Observation]


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay found.

    Attributes:
        met_at: Message and number of the first call after which the attacker's goal held that did
            not hold before any call; None if there is none.
        met_before: The goal held before any call.
        score: The verdicts at the end.
        calls: Number of calls made again.
        same: How many of them gave back what they gave in the run, to the letter.
        refused: Calls that failed in the run and would not have failed here: somebody stood in
            their way, so that they are left out (message and number).
    """

    met_at: tuple[int, int] | None
    met_before: bool
    score: Score
    calls: int
    same: int
    refused: frozenset[tuple[int, int]] = frozenset()


@dataclass(slots=True)
class _Shown:
    """What the run has shown so far of what the replay cannot know by itself."""

    draws: dict[int, str] = field(default_factory=dict)
    refused: set[tuple[int, int]] = field(default_factory=set)

    def learn(self, chance: Chance, given: Observation, recorded: Observation) -> bool:
        """Whether a result of the run shows a draw that the replay had otherwise."""
        words, shown = _WORD.findall(given.text), _WORD.findall(recorded.text)
        if words == shown or len(words) != len(shown):
            return False
        learned = False
        for word, other in zip(words, shown, strict=True):
            if word != other and word in chance.drawn:
                learned |= self._note(chance.drawn.index(word), other)
        return learned

    def guess(self, chance: Chance, call: ToolCall, given: Observation, was: Observation) -> bool:
        """Whether a call that went otherwise names a draw that the run never showed."""
        if given.text == was.text:
            return False
        said = [word for value in call["arguments"].values() for word in _WORD.findall(str(value))]
        for number in reversed(range(len(chance.drawn))):
            drawn = chance.drawn[number]
            if number in self.draws:
                continue
            for word in said:
                if word != drawn and len(word) == len(drawn) and word.isdecimal():
                    return self._note(number, word)
        return False

    def _note(self, number: int, drawn: str) -> bool:
        """Whether it is news that a draw was this; nothing is drawn twice."""
        news = self.draws.get(number) != drawn
        self.draws = {n: known for n, known in self.draws.items() if known != drawn}
        self.draws[number] = drawn
        return news


def replay_run(
    environment: ReplayEnvironment,
    task: Mapping[str, Any],
    turns: Sequence[RecordedTurn],
    answer: str = "",
) -> Replay:
    """Make the calls of a recorded run again.

    Args:
        environment: Where.
        task: See `Environment.reset`.
        turns: The turns that made calls, in order.
        answer: The run's last words, or "".

    Returns:
        What the world says. It rests on the calls alone; results are read only for what chance gave
        the run, and for calls that somebody refused.

    Raises:
        EpisodeError: The environment has no such task.
    """
    shown = _Shown()
    for _ in range(_MOST_BEGINNINGS):
        found = _once(environment, task, turns, answer, shown)
        if found is not None:
            return found
    # What it learns goes round in circles: the last word is the first.
    return _once(environment, task, turns, answer, None) or Replay(None, False, Score(), 0, 0)


def _once(
    environment: ReplayEnvironment,
    task: Mapping[str, Any],
    turns: Sequence[RecordedTurn],
    answer: str,
    shown: _Shown | None,
) -> Replay | None:
    """One run through; None if it has learned something and has to begin again."""
    environment.reset(task, shown.draws if shown else None)
    met_before = bool(environment.score().attack_won)
    met_at, made, same = None, 0, 0
    refused = frozenset(shown.refused if shown else ())
    for turn in turns:
        for number, (call, was) in enumerate(zip(turn.calls, turn.results, strict=True)):
            place = (turn.message, number)
            if place in refused:
                continue
            given = environment.call(call["name"], call["arguments"])
            made, same = made + 1, same + (given.text == was.text)
            if shown is not None and _begins_again(environment, shown, place, call, given, was):
                return None
            if met_at is None and not met_before and environment.score().attack_won:
                met_at = place
    return Replay(met_at, met_before, environment.score(answer), made, same, refused)


def _begins_again(
    environment: ReplayEnvironment,
    shown: _Shown,
    place: tuple[int, int],
    call: ToolCall,
    given: Observation,
    was: Observation,
) -> bool:
    if was.error and not given.error and not _OF_A_TOOL.match(was.error):
        shown.refused.add(place)
        return True
    return shown.learn(environment.chance, given, was) or shown.guess(
        environment.chance, call, given, was
    )
