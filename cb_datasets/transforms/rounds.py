"""How many samples a scenario gets: a fixed number, or until enough of them are what it is for.

Samples are made in rounds. A round has as many as are missing at the least, so that none is made
in vain, and which samples a scenario has depends on their numbers alone: neither on the batch size
nor on the order in which they finish.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain

from cb_datasets.engines.protocol import Generation, GenerationRequest
from cb_datasets.errors import EngineError
from cb_datasets.judge.named import another_judge
from cb_datasets.judge.outcome import Judge, Judgement, right_behavior
from cb_datasets.options import checked
from cb_datasets.records import PromptedScenario, Scenario
from cb_datasets.transforms.batch import Batch
from cb_datasets.transforms.label import LabelOutcome
from cb_datasets.transforms.options import CountOptions
from cb_datasets.transforms.parse import ParseToolCalls

Generate = Callable[[Iterable[GenerationRequest]], Iterator[Generation]]
Watch = Callable[[Generation, "str | None", bool], None]
"""Called with each sample, its outcome where it was judged, and whether its scenario has all."""

_COUNTS = checked(CountOptions, {}, EngineError)


@dataclass(frozen=True, slots=True)
class SampleCount:
    """How many samples a scenario gets.

    Args:
        num_samples: See `CountOptions`, as for the others; a success is what `is_success` says.
        min_successes: Enough successes.
        max_samples: Samples after which there will be no more.

    Raises:
        EngineError: A number is out of range, or does not go with another.

    Example:
        >>> SampleCount(min_successes=2, max_samples=8).missing(samples=7, successes=0)
        1
    """

    num_samples: int = _COUNTS["num_samples"]
    min_successes: int | None = _COUNTS["min_successes"]
    max_samples: int = _COUNTS["max_samples"]

    def __post_init__(self) -> None:
        checked(CountOptions, asdict(self), EngineError)

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
    own: Callable[[PromptedScenario], Generation | None],
    watch: Watch | None = None,
) -> Iterator[Generation]:
    """All samples of scenarios, as they finish.

    Args:
        scenarios: Taken as there is room for them.
        count: How many samples each gets.
        request: The request of a scenario's n-th sample.
        generate: Takes requests as a stream and gives generations as they finish.
        outcome_of: A sample's outcome, and whether it is a success; None where nobody asks.
        own: The sample that a scenario brings along: its first, which is not asked for.
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
                tally = _Tally(scenario)
                sample = own(scenario)
                if sample is None:
                    ask(tally)
                else:
                    tally.samples = 1
                    take(tally, sample)
            else:
                return

    def take(tally: _Tally, generation: Generation) -> None:
        tally.finished += 1
        outcome = None
        if outcome_of is not None:
            outcome, success = outcome_of(tally.scenario, generation)
            tally.successes += success
        last = tally.finished == tally.samples and not ask(tally)
        if watch is not None:
            watch(generation, outcome, last)

    # A stream ends when nothing can be asked for before something is finished.
    while (first := next(stream := requests(), None)) is not None:
        for generation in generate(chain([first], stream)):
            take(tallies.pop(generation.key), generation)
            yield generation


class Outcomes:
    """Outcomes of samples while the others are still being made.

    Args:
        judge: See `LabelOutcome`.
    """

    def __init__(self, judge: Judge | str | None = None) -> None:
        self._parse, self._label = ParseToolCalls(), LabelOutcome(judge)
        self._goals_judged = another_judge(judge) is not None

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
