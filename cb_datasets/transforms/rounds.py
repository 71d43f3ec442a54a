"""How many samples a scenario gets: a fixed number, or until enough of them are what is wanted.

Samples are made in rounds. A round has as many as are missing at the least, so that none is made
in vain, and which samples a scenario has depends on their numbers alone: neither on the batch size
nor on the order in which they finish.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import Literal

from cb_datasets.engines.protocol import Generation, GenerationRequest
from cb_datasets.errors import EngineError
from cb_datasets.judge.named import another_judge
from cb_datasets.judge.outcome import Judge, Judgement, right_behavior
from cb_datasets.options import checked, part_of
from cb_datasets.records import PromptedScenario, Scenario
from cb_datasets.transforms.batch import Batch
from cb_datasets.transforms.label import LabelOutcome
from cb_datasets.transforms.options import CountOptions, is_adaptive
from cb_datasets.transforms.parse import ParseToolCalls

Generate = Callable[[Iterable[GenerationRequest]], Iterator[Generation]]
Watch = Callable[[Generation, "str | None", bool], None]
"""Called with each sample, its outcome where it was judged, and whether its scenario has all."""

Merit = Literal["harmful", "right"]
"""What a sample can be wanted for: an attack that won in it, or that it does what is right."""

_COUNTS = checked(CountOptions, {}, EngineError)


@dataclass(frozen=True, slots=True)
class SampleCount:
    """How many samples a scenario gets.

    Args:
        num_samples: See `CountOptions`, as for the others; what counts is what `merit` says.
        min_successes: Enough samples that are what the scenario is there for.
        min_pairs: Enough right and, under attack, enough harmful ones.
        max_samples: Samples after which there will be no more.

    Raises:
        EngineError: A number is out of range, or does not go with another.

    Example:
        >>> attacked = {"attack": {"targets": [{"name": "pay", "arguments": {}}]}}
        >>> SampleCount(min_successes=2, max_samples=8).missing(attacked, 7, {})
        1
        >>> SampleCount(min_pairs=1).missing(attacked, 2, {"harmful": 2})
        1
    """

    num_samples: int = _COUNTS["num_samples"]
    min_successes: int | None = _COUNTS["min_successes"]
    min_pairs: int | None = _COUNTS["min_pairs"]
    max_samples: int = _COUNTS["max_samples"]

    def __post_init__(self) -> None:
        checked(CountOptions, asdict(self), EngineError)

    @property
    def adaptive(self) -> bool:
        """Whether it depends on what the samples turn out to be."""
        return is_adaptive(part_of(CountOptions, asdict(self)))

    def missing(
        self,
        scenario: Scenario,
        samples: int,
        found: Mapping[Merit, int],
        *,
        goals_judged: bool = False,
    ) -> int:
        """How many more samples a scenario needs at the least.

        Args:
            scenario: The scenario.
            samples: How many it has.
            found: How many of them are what can be wanted.
            goals_judged: See `merit`.
        """
        if not self.adaptive:
            return self.num_samples - samples
        wanted = self._wanted(scenario, goals_judged=goals_judged)
        short = sum(max(0, enough - found.get(merit, 0)) for merit, enough in wanted.items())
        return max(0, min(short, self.max_samples - samples))

    def _wanted(self, scenario: Scenario, *, goals_judged: bool) -> dict[Merit, int]:
        can_win = _can_win(scenario, goals_judged=goals_judged)
        if self.min_pairs is None:
            return {"harmful" if can_win else "right": self.min_successes or 0}
        both: tuple[Merit, ...] = ("right", "harmful")
        return dict.fromkeys(both if can_win else ("right",), self.min_pairs)


@dataclass(slots=True)
class _Tally:
    scenario: PromptedScenario
    samples: int = 0
    finished: int = 0
    found: Counter[Merit] = field(default_factory=Counter)


def in_rounds(
    scenarios: Iterable[PromptedScenario],
    count: SampleCount,
    *,
    request: Callable[[PromptedScenario, int], GenerationRequest],
    generate: Generate,
    outcomes: Outcomes | None,
    own: Callable[[PromptedScenario], Generation | None],
    watch: Watch | None = None,
) -> Iterator[Generation]:
    """All samples of scenarios, as they finish.

    Args:
        scenarios: Taken as there is room for them.
        count: How many samples each gets.
        request: The request of a scenario's n-th sample.
        generate: Takes requests as a stream and gives generations as they finish.
        outcomes: Tells what samples turn out to be; None where nobody asks.
        own: The sample that a scenario brings along: its first, which is not asked for.
        watch: Told of every sample.
    """
    waiting, ready = iter(scenarios), deque[GenerationRequest]()
    tallies: dict[str, _Tally] = {}
    goals_judged = outcomes is not None and outcomes.goals_judged

    def ask(tally: _Tally) -> bool:
        missing = count.missing(
            tally.scenario, tally.samples, tally.found, goals_judged=goals_judged
        )
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
        if outcomes is not None:
            outcome, merit = outcomes(tally.scenario, generation)
            if merit is not None:
                tally.found[merit] += 1
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

    Attributes:
        goals_judged: Whether it can tell that an attack reached a goal that no call can show.
    """

    def __init__(self, judge: Judge | str | None = None) -> None:
        self._parse, self._label = ParseToolCalls(), LabelOutcome(judge)
        self.goals_judged = another_judge(judge) is not None

    def __call__(
        self, scenario: PromptedScenario, generation: Generation
    ) -> tuple[str, Merit | None]:
        """The outcome, and what the sample counts as."""
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
        if not whole:
            return outcome, None
        return outcome, merit(outcome, scenario, goals_judged=self.goals_judged)


def merit(outcome: str, scenario: Scenario, *, goals_judged: bool = False) -> Merit | None:
    """What a sample of an outcome counts as, or None.

    An attack wins only where a call could show it, or a judge is given that can tell.

    Example:
        >>> merit("no_tool", {"attack": None, "expected": {"behavior": "answer"}})
        'right'
    """
    if outcome == "attack_success" and _can_win(scenario, goals_judged=goals_judged):
        return "harmful"
    return "right" if right_behavior(Judgement(outcome, ""), scenario["expected"]) else None


def _can_win(scenario: Scenario, *, goals_judged: bool) -> bool:
    attack = scenario["attack"]
    return attack is not None and bool(attack["targets"] or goals_judged)
