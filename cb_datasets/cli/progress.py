"""How far work is, on one line: live on a terminal, a plain line a minute without one.

In: what has just been done, and of a build each sample. Out, on standard error: count of the
total, rate, the time that is left and, where outcomes are known, the yield. At 80 columns all of
it is seen: the bar shrinks and outcomes are cut, last ones first.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column

from cb_datasets.cli.sampling_log import SamplingLog
from cb_datasets.cli.ticking import ticking
from cb_datasets.quoting import printable
from cb_datasets.terminal import shown

PLAIN_SECONDS = 60.0
"""From one plain line to the next, where no terminal shows the live one."""

_LIVE_SECONDS = 1.0
_WINDOW = 30
"""Rates are those of the last so many intervals, so that slow work does not seem to stand still."""

_WIDE = 100


@dataclass(frozen=True, slots=True)
class State:
    """Where work stands, in words."""

    count: str
    rate: str
    eta: str
    note: str

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.count, self.rate, self.eta, self.note)))


class Work:
    """What is done, of how much: call it with the number that has just been done.

    Args:
        what: What is counted, in the plural.
        total: How many there are in all.
        log: Of work that is to sample: while it does, samples tell how fast it goes.
        clock: Seconds, from any beginning.

    Example:
        >>> times = iter([0.0, 10.0])
        >>> work = Work("rows", 500, clock=lambda: next(times))
        >>> work(120)
        >>> print(work.state())
        120/500 rows, 12 rows/s, eta 0:00:32
    """

    def __init__(
        self,
        what: str,
        total: int,
        log: SamplingLog | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.what, self.total, self.done = what, total, 0
        self._log, self._clock = log, clock
        self._lock = threading.Lock()
        self._marks = deque([_Mark(clock(), 0, 0)], maxlen=_WINDOW)
        self._first = self._marks[0]

    def __call__(self, done: int) -> None:
        """So many more are done."""
        with self._lock:
            self.done += done

    def state(self) -> State:
        """Where it stands; ends an interval."""
        sampling = None if self._log is None else self._log.under_way()
        made = 0 if sampling is None else sampling.made
        with self._lock:
            before, now = self._marks[0], _Mark(self._clock(), self.done, made)
            self._marks.append(now)
        left: float | None
        if sampling is None:
            unit, left, count = self.what, self.total - now.done, "done"
        else:
            unit, left, count = "samples", sampling.left, "made"
        rate = _rate(before, now, count) or _rate(self._first, now, count)
        seconds = 0.0 if not left and left is not None else left / rate if left and rate else None
        return State(
            count=f"{now.done}/{self.total} {self.what}",
            rate=_rate_words(rate, unit),
            eta=f"eta {_time_words(seconds)}",
            note="" if self._log is None else printable(self._log.outcomes(), None),
        )


@dataclass(frozen=True, slots=True)
class _Mark:
    """What was done at a time, and how many samples were made."""

    at: float
    done: int
    made: int


def _rate(before: _Mark, now: _Mark, count: str) -> float | None:
    more = int(getattr(now, count)) - int(getattr(before, count))
    return more / (now.at - before.at) if more > 0 and now.at > before.at else None


def _rate_words(rate: float | None, unit: str) -> str:
    """A rate that never reads 0.

    Example:
        >>> _rate_words(0.02, "samples"), _rate_words(None, "rows")
        ('1.2 samples/min', '- rows/s')
    """
    if rate is None:
        return f"- {unit}/s"
    for seconds, name in ((1, "s"), (60, "min"), (3600, "h")):
        if (number := rate * seconds) >= 1 or name == "h":
            break
    return f"{number:.0f} {unit}/{name}" if number >= 10 else f"{number:.1f} {unit}/{name}"


def _time_words(seconds: float | None) -> str:
    if seconds is None:
        return "-:--:--"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


@contextmanager
def progress(
    what: str, total: int, log: SamplingLog | None = None, *, told: bool = True
) -> Iterator[Work]:
    """Show how far work is; gives what is to be told of it.

    Args:
        what: See `Work`, as for the next two.
        total: How many there are.
        log: Of what is sampled.
        told: Whether it is shown at all.
    """
    work = Work(what, total, log)
    if not told:
        yield work
    elif sys.stderr.isatty():
        with _live(work):
            yield work
    else:
        with _plain(work):
            yield work


@contextmanager
def waiting(words: str) -> Iterator[None]:
    """Say on a terminal what is being waited for, where nobody can tell how long it takes."""
    if not sys.stderr.isatty():
        yield
        return
    with Console(stderr=True).status(shown(words)):
        yield


@contextmanager
def _plain(work: Work) -> Iterator[None]:
    told = False

    def tell() -> None:
        nonlocal told
        told = True
        print(f"cb-datasets: {work.state()}", file=sys.stderr, flush=True)

    with ticking(PLAIN_SECONDS, tell):
        yield
    if told:
        tell()


@contextmanager
def _live(work: Work) -> Iterator[None]:
    console = Console(stderr=True)
    whole, cut = Column(no_wrap=True), Column(no_wrap=True, overflow="ellipsis", ratio=1)
    count, rate, eta, note = (
        TextColumn(f"{{task.fields[{name}]}}", markup=False, table_column=column)
        for name, column in (("count", whole), ("rate", whole), ("eta", whole), ("note", cut))
    )
    bar = BarColumn(bar_width=24 if console.width >= _WIDE else 8)
    live = Progress(count, bar, rate, eta, note, console=console, transient=True, expand=True)
    task = live.add_task("", total=work.total, **asdict(work.state()))

    def show() -> None:
        live.update(task, completed=work.done, **asdict(work.state()))

    with live, ticking(_LIVE_SECONDS, show):
        yield
