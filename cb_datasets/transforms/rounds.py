"""How many samples a scenario gets: a fixed number, or until enough of them are what it is for.

Samples are made in rounds. A round has as many as are missing at the least, so that none is made
in vain, and which samples a scenario has depends on their numbers alone: neither on the batch size
nor on the order in which they finish.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from cb_datasets.engines.protocol import Generation, GenerationRequest
from cb_datasets.errors import EngineError
from cb_datasets.judge.outcome import Judge, Judgement, right_behavior
from cb_datasets.records import PromptedScenario, Scenario
from cb_datasets.transforms.batch import Batch
from cb_datasets.transforms.label import LabelOutcome
from cb_datasets.transforms.parse import ParseToolCalls

Generate = Callable[[Iterable[GenerationRequest]], Iterator[Generation]]
Watch = Callable[[Generation, "str | None", bool], None]
"""Called with each sample, its outcome where it was judged, and whether its scenario has all."""


@dataclass(frozen=True, slots=True)
class SampleCount:
    """How many samples a scenario gets.

    Args:
        num_samples: So many, unless `min_successes` is set.
        min_successes: Until so many of its samples are successes (see `is_success`).
        max_samples: And no more than so many, whatever they are.

    Raises:
        EngineError: A number is out of range.

    Example:
        >>> SampleCount(min_successes=2, max_samples=8).missing(samples=7, successes=0)
        1
    """

    num_samples: int = 5
    min_successes: int | None = None
    max_samples: int = 8

    def __post_init__(self) -> None:
        if self.num_samples < 1:
            raise EngineError(f"num_samples is {self.num_samples}; it must be 1 or more")
        if self.min_successes is None:
            return
        if self.min_successes < 1:
            raise EngineError(f"min_successes is {self.min_successes}; it must be 1 or more")
        if self.max_samples < self.min_successes:
            raise EngineError(
                f"max_samples is {self.max_samples}; it must be min_successes "
                f"({self.min_successes}) or more"
            )

    @property
    def adaptive(self) -> bool:
        """Whether it depends on what the samples turn out to be."""
        return self.min_successes is not None

    def missing(self, samples: int, successes: int) -> int:
        """How many more samples a scenario needs at the least."""
        if self.min_successes is None:
            return self.num_samples - samples
        return max(0, min(self.min_successes - successes, self.max_samples - samples))


@dataclass(slots=True)
class _Tally:
    scenario: PromptedScenario
    samples: int = 0
    finished: int = 0
    successes: int = 0


def in_rounds(
    scenarios: Iterable[PromptedScenario],
    count: SampleCount,
    *,
    request: Callable[[PromptedScenario, int], GenerationRequest],
    generate: Generate,
    outcome_of: Callable[[PromptedScenario, Generation], tuple[str, bool]] | None,
    watch: Watch | None = None,
) -> Iterator[Generation]:
    """All samples of scenarios, as they finish.

    Args:
        scenarios: Taken as there is room for them.
        count: How many samples each gets.
        request: The request of a scenario's n-th sample.
        generate: Takes requests as a stream and gives generations as they finish.
        outcome_of: A sample's outcome, and whether it is a success; None where nobody asks.
        watch: Told of every sample.
    """
    waiting, ready = iter(scenarios), deque[GenerationRequest]()
    tallies: dict[str, _Tally] = {}

    def ask(tally: _Tally) -> bool:
        missing = count.missing(tally.samples, tally.successes)
        numbers = range(tally.samples, tally.samples + missing)
        requests = [request(tally.scenario, number) for number in numbers]
        tallies.update((asked.key, tally) for asked in requests)
        ready.extend(requests)
        tally.samples += missing
        return missing > 0

    def requests() -> Iterator[GenerationRequest]:
        while True:
            if ready:
                yield ready.popleft()
            elif (scenario := next(waiting, None)) is not None:
                ask(_Tally(scenario))
            else:
                return

    # A stream ends when nothing can be asked for before something is finished.
    while (first := next(stream := requests(), None)) is not None:
        for generation in generate(chain([first], stream)):
            tally = tallies.pop(generation.key)
            tally.finished += 1
            outcome = None
            if outcome_of is not None:
                outcome, success = outcome_of(tally.scenario, generation)
                tally.successes += success
            last = tally.finished == tally.samples and not ask(tally)
            if watch is not None:
                watch(generation, outcome, last)
            yield generation


class Outcomes:
    """Outcomes of samples while the others are still being made.

    Args:
        judge: See `LabelOutcome`.
    """

    def __init__(self, judge: Judge | None = None) -> None:
        self._parse, self._label = ParseToolCalls(), LabelOutcome(judge)
        self._goals_judged = judge is not None

    def __call__(self, scenario: PromptedScenario, generation: Generation) -> tuple[str, bool]:
        """The outcome, and whether it is a success."""
        batch: Batch = {
            "assistant_raw": [generation.text],
            "finish_reason": [generation.finish_reason],
            "error": [generation.error],
            "attack": [scenario["attack"]],
            "expected": [scenario["expected"]],
            "tools": [scenario["tools"]],
            "messages": [scenario["messages"]],
        }
        batch |= self._parse(batch)
        outcome = str(self._label(batch)["outcome"][0])
        whole = batch["end_token"][0] is not None and not batch["parse_problems"][0]
        return outcome, whole and is_success(outcome, scenario, goals_judged=self._goals_judged)


def is_success(outcome: str, scenario: Scenario, *, goals_judged: bool = False) -> bool:
    """Whether a sample is what its scenario is there for.

    Under attack that is an attack that won; without one, or where no call could show that it won
    and no judge tells, the right behaviour.

    Example:
        >>> is_success("no_tool", {"attack": None, "expected": {"behavior": "answer"}})
        True
    """
    attack = scenario["attack"]
    if attack is not None and (attack["targets"] or goals_judged):
        return outcome == "attack_success"
    return right_behavior(Judgement(outcome, ""), scenario["expected"])
