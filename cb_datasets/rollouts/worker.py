"""One episode's world, in a thread of its own.

In: what is to be done with the world, one thing at a time. Out: what came of it, or why there is
nothing. Some worlds are bound to the thread that made them; and one that hangs holds up no other.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from cb_datasets.environments import Environment, Observation, Score, Start
from cb_datasets.quoting import error_line
from cb_datasets.records import ToolCall

Outbox = queue.SimpleQueue[tuple[Any, "Done"]]


@dataclass(frozen=True, slots=True)
class Played:
    """What the calls of a turn did: each observation, and whether the attack had won after it."""

    observations: list[Observation]
    won: list[bool | None]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an episode ends in its world: `call_timeout` or `environment_error`."""

    stop: str
    detail: str


Done = Start | Played | Score | Failure


class Worker:
    """A world and its thread.

    Args:
        owner: Whose it is; comes back with what is done.
        make: Makes the world, in the thread.
        outbox: Where what is done goes.
        timeout: Seconds that a reset, a call or a score may take.
    """

    def __init__(
        self, owner: Any, make: Callable[[], Environment], outbox: Outbox, timeout: float
    ) -> None:
        self._owner = owner
        self._make = make
        self._outbox = outbox
        self._timeout = timeout
        self._inbox: queue.SimpleQueue[Callable[[Environment], Done] | None] = queue.SimpleQueue()
        self._since: float | None = None
        self._given_up = False
        # A daemon: one that hangs must not keep the process.
        threading.Thread(target=self._run, daemon=True).start()

    def reset(self, task: dict[str, Any]) -> None:
        """Begin the episode; gives a `Start`."""
        self._do(lambda world: self._timed(lambda: world.reset(task)))

    def play(self, calls: Sequence[ToolCall]) -> None:
        """Make the calls of a turn, in order; gives `Played`."""
        self._do(lambda world: self._played(world, calls))

    def score(self, answer: str) -> None:
        """Ask the world at the end; gives a `Score`."""
        self._do(lambda world: self._timed(lambda: world.score(answer)))

    def close(self) -> None:
        """Let the thread end."""
        self._given_up = True
        self._inbox.put(None)

    def overdue(self) -> bool:
        """Whether what is being done has taken too long; it will then never be done."""
        since = self._since
        if since is None or self._given_up or time.monotonic() - since <= self._timeout:
            return False
        self.close()
        return True

    def _do(self, what: Callable[[Environment], Done]) -> None:
        self._since = None
        self._inbox.put(what)

    def _run(self) -> None:
        world: Environment | None = None
        while (what := self._inbox.get()) is not None:
            try:
                if world is None:
                    world = self._make()
                done = what(world)
            except Exception as error:  # a world may raise whatever it likes
                done = Failure("environment_error", error_line(error))
            self._since = None
            if not self._given_up:
                self._outbox.put((self._owner, done))

    def _played(self, world: Environment, calls: Sequence[ToolCall]) -> Done:
        observations, won = [], []
        for call in calls:
            seen = self._timed(partial(world.call, call["name"], call["arguments"]))
            if isinstance(seen, Failure):
                return seen
            observations.append(seen)
            won.append(world.score().attack_won)
        return Played(observations, won)

    def _timed(self, what: Callable[[], Any]) -> Any:
        """What is done, or a failure if it took too long, whoever looks at the clock when."""
        self._since = began = time.monotonic()
        done = what()
        if time.monotonic() - began > self._timeout:
            return timed_out(self._timeout)
        return done


def timed_out(seconds: float) -> Failure:
    """The failure of what took too long.

    Example:
        >>> timed_out(30).detail
        'the environment took more than 30 s'
    """
    return Failure("call_timeout", f"the environment took more than {seconds:g} s")
