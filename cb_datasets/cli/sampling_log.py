"""How sampling goes: rates, outcomes and the time that is left, for a bar and for JSON lines."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cb_datasets.sets.set_build import Sampled

INTERVALS = 6
"""Rates and the time that is left are those of the last so many intervals."""


class SamplingLog:
    """Counts samples as they finish.

    Args:
        clock: Seconds, from any beginning.

    Example:
        >>> SamplingLog(clock=lambda: 0.0).line()["samples"]
        0
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._samples = self._tokens = self._finished = self._scenarios = 0
        self._outcomes: Counter[str] = Counter()
        self._marks = deque([(self._began, 0, 0, 0)], maxlen=INTERVALS)
        self._lock = threading.Lock()

    def sample(self, sampled: Sampled) -> None:
        """Count a sample."""
        with self._lock:
            self._samples += 1
            self._tokens += len(sampled.generation.token_ids)
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

    def words(self) -> str:
        """Where it stands, for people; ends an interval."""
        line = self.line()
        shares = ", ".join(f"{name} {share:.0%}" for name, share in line["yield"].items())
        return (
            f"{line['samples_per_s']:.1f} samples/s, {line['tokens_per_s']:.0f} tokens/s  {shares}"
        )

    @contextmanager
    def every(self, seconds: float, write: Callable[[SamplingLog], None]) -> Iterator[None]:
        """Have something written at the end of each interval, and at the end of all.

        Args:
            seconds: Length of an interval.
            write: Called with this object, from a thread of its own.
        """
        stop = threading.Event()

        def tick() -> None:
            while not stop.wait(seconds):
                write(self)

        thread = threading.Thread(target=tick, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            write(self)


def json_line(log: SamplingLog) -> str:
    """One line of JSON."""
    return json.dumps(log.line(), separators=(", ", ": "))
