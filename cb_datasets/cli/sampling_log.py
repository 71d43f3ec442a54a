"""How sampling goes: rates, outcomes and the time that is left, for people and as JSON lines."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cb_datasets.cli.ticking import ticking

if TYPE_CHECKING:
    from cb_datasets.sets.set_build import Sampled

INTERVALS = 6
"""Rates and the time that is left are those of the last so many intervals."""

_FIRST = ("attack_success", "error")


@dataclass(frozen=True, slots=True)
class UnderWay:
    """What is being sampled: samples made in this run, and those to come, where that is known."""

    made: int
    left: float | None


class SamplingLog:
    """Counts samples as they finish.

    Args:
        clock: Seconds, from any beginning.
        a_scenario: Samples of each scenario; None where that depends on what they are.

    Example:
        >>> SamplingLog(clock=lambda: 0.0).line()["samples"]
        0
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, a_scenario: int | None = None
    ) -> None:
        self._clock, self._a_scenario = clock, a_scenario
        self._began = clock()
        self._samples = self._tokens = self._finished = self._scenarios = self._kept = 0
        self._outcomes: Counter[str] = Counter()
        self._marks = deque([(self._began, 0, 0, 0)], maxlen=INTERVALS)
        self._lock = threading.Lock()

    def sample(self, sampled: Sampled) -> None:
        """Count a sample."""
        with self._lock:
            self._samples += 1
            self._tokens += len(sampled.generation.token_ids)
            self._kept += sampled.generation.kept
            self._outcomes[sampled.outcome] += 1
            self._finished, self._scenarios = sampled.finished, sampled.scenarios

    def line(self) -> dict[str, Any]:
        """Where it stands, as plain JSON data; ends an interval."""
        with self._lock:
            now = self._clock()
            since, samples, tokens, finished = self._marks[0]
            seconds = now - since
            pace = (self._finished - finished) / seconds if seconds else 0.0
            left = self._scenarios - self._finished
            self._marks.append((now, self._samples, self._tokens, self._finished))
            return {
                "event": "sampling",
                "elapsed_s": round(now - self._began, 1),
                "samples": self._samples,
                "from_journal": self._kept,
                "tokens": self._tokens,
                "samples_per_s": round((self._samples - samples) / seconds, 2) if seconds else 0.0,
                "tokens_per_s": round((self._tokens - tokens) / seconds, 1) if seconds else 0.0,
                "scenarios": self._scenarios,
                "scenarios_finished": self._finished,
                "outcomes": dict(self._outcomes.most_common()),
                "yield": {
                    outcome: round(count / self._samples, 4)
                    for outcome, count in self._outcomes.most_common()
                },
                "eta_s": round(left / pace, 1) if pace else (0.0 if not left else None),
            }

    @property
    def samples(self) -> int:
        """Samples that are there."""
        return self._samples

    @property
    def from_journal(self) -> int:
        """Those among them that were in the journal already."""
        return self._kept

    def under_way(self) -> UnderWay | None:
        """What is being sampled; None before the first sample and after the last."""
        with self._lock:
            if not self._samples or self._finished == self._scenarios:
                return None
            each: float | None = self._a_scenario
            if each is None and self._finished:
                each = self._samples / self._finished
            left = None if each is None else max(self._scenarios * each - self._samples, 1)
            return UnderWay(self._samples - self._kept, left)

    def outcomes(self) -> str:
        """The share of each outcome: what the build is after first, then errors."""
        with self._lock:
            found = self._outcomes.most_common()
        first = {name: place for place, name in enumerate(_FIRST)}
        found.sort(key=lambda item: first.get(item[0], len(first)))
        total = sum(count for _, count in found)
        return ", ".join(f"{name} {count / total:.0%}" for name, count in found)

    @contextmanager
    def every(self, seconds: float, write: Callable[[SamplingLog], None]) -> Iterator[None]:
        """Have something written at the end of each interval, and at the end of all.

        Args:
            seconds: Length of an interval.
            write: Called with this object, from a thread of its own.
        """
        try:
            with ticking(seconds, lambda: write(self)):
                yield
        finally:
            write(self)


def json_line(log: SamplingLog) -> str:
    """One line of JSON."""
    return json.dumps(log.line(), separators=(", ", ": "))
