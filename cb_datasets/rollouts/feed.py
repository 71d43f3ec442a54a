"""Feeding the engine while worlds work: many episodes at once, none waiting for another.

In: episodes. Out: requests, as the engine has room for them, and finished episodes. Running
episodes go on before new ones begin; a decision that another episode is waiting for, or that is in
the journal, is not asked for again; with nothing to ask for, the stream says "nothing yet".
"""

from __future__ import annotations

import queue
from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING

from cb_datasets.engines.journal.journaled import Samples, made_by, sample_id
from cb_datasets.engines.protocol import Engine, Generation, GenerationRequest, SamplingParams
from cb_datasets.environments import Environment, Score, Start
from cb_datasets.errors import FormatError
from cb_datasets.records import ToolCall
from cb_datasets.rollouts.observations import Observations
from cb_datasets.rollouts.player import Player
from cb_datasets.rollouts.worker import Done, Failure, Outbox, Played, Worker, timed_out

if TYPE_CHECKING:
    Render = Callable[[list[dict[str, object]], list[dict[str, object]]], tuple[list[int], str]]

_LOOK_SECONDS = 0.05
"""How often to look whether a world that is waited for has taken too long."""


class Feed:
    """The episodes of a run, on their way.

    Args:
        players: The episodes, taken as there is room for them.
        make: Makes a world.
        render: Messages and tools to prompt ids and template hash.
        engine: Whose samples they are.
        sampling: How tokens are chosen.
        samples: Where samples are kept.
        observations: Where what worlds did is kept.
        most: So many episodes are under way at once.
        timeout: Seconds that a call may take.

    Attributes:
        account: Decisions by where they came from: sampled, joined, kept, failed.
    """

    def __init__(
        self,
        players: Iterator[Player],
        make: Callable[[], Environment],
        render: Render,
        *,
        engine: Engine,
        sampling: SamplingParams,
        samples: Samples,
        observations: Observations,
        most: int,
        timeout: float,
    ) -> None:
        self._waiting = players
        self._make = make
        self._render = render
        self._maker = made_by(engine)
        self._sampling = sampling
        self._samples = samples
        self._observations = observations
        self._most = most
        self._timeout = timeout
        self._outbox: Outbox = queue.SimpleQueue()
        self._workers: dict[Player, Worker] = {}
        self._working: dict[Player, list[ToolCall]] = {}
        self._ready: deque[Player] = deque()
        self._in_flight: dict[str, list[Player]] = {}
        self._keys: dict[str, str] = {}
        self._numbers = count()
        self._finished: deque[Player] = deque()
        self.account: Counter[str] = Counter()

    def requests(self) -> Iterator[GenerationRequest | None]:
        """What is to be sampled, as it comes up; ends when there is no more."""
        while True:
            self._collect()
            if self._ready:
                request = self._ask(self._ready.popleft())
                if request is not None:
                    yield request
            elif len(self._workers) < self._most and self._begin():
                continue
            elif self._keys:
                yield None
            elif self._working:
                self._collect(_LOOK_SECONDS)
            else:
                return

    def take(self, generation: Generation) -> None:
        """A sample of the engine's."""
        name = self._keys.pop(generation.key)
        if generation.finish_reason == "error":
            self.account["failed"] += 1
        else:
            self._samples.add(name, generation)
        for player in self._in_flight.pop(name):
            self._decide(player, generation)

    def finished(self) -> Iterator[Player]:
        """Episodes that have come to their end since it was last asked."""
        while self._finished:
            yield self._finished.popleft()

    def _begin(self) -> bool:
        player = next(self._waiting, None)
        if player is None:
            return False
        worker = Worker(player, self._make, self._outbox, self._timeout)
        self._workers[player] = worker
        self._working[player] = []
        worker.reset(player.episode.task)
        return True

    def _ask(self, player: Player) -> GenerationRequest | None:
        """The request of a player's next decision; None where it need not be asked for."""
        try:
            prompt, template = self._render(player.messages, player.tools)
        except FormatError as error:
            player.end("format_error", str(error))
            self._go_on(player)
            return None
        request = player.request(str(next(self._numbers)), prompt, template)
        name = sample_id(request, self._sampling, self._maker)
        if name in self._in_flight:
            self.account["joined"] += 1
            self._in_flight[name].append(player)
            return None
        if (known := self._samples.get(name)) is not None:
            self.account["kept"] += 1
            self._decide(player, known)
            return None
        self.account["sampled"] += 1
        self._in_flight[name] = [player]
        self._keys[request.key] = name
        return request

    def _decide(self, player: Player, generation: Generation) -> None:
        calls = player.decide(generation)
        if not calls:
            self._go_on(player)
            return
        recorded = self._observations.recorded(player)
        if isinstance(recorded, Failure):
            # What hung or broke the world once is not tried again.
            player.fail(recorded)
            self._go_on(player)
            return
        self._working[player] = calls
        self._workers[player].play(calls)

    def _collect(self, wait: float | None = None) -> None:
        """Take what worlds have done; waits a moment for the first, if it may."""
        try:
            player, done = self._outbox.get(timeout=wait) if wait else self._outbox.get_nowait()
            while True:
                self._take(player, done)
                player, done = self._outbox.get_nowait()
        except queue.Empty:
            pass
        for player in [p for p in self._working if self._workers[p].overdue()]:
            self._take(player, timed_out(self._timeout))

    def _take(self, player: Player, done: Done) -> None:
        calls = self._working.pop(player)
        if isinstance(done, Score):
            player.score = done
            self._end(player)
            return
        if calls and isinstance(done, (Played, Failure)):
            done = self._observations.settled(player, done)
        if isinstance(done, Start):
            player.begin(done)
        elif isinstance(done, Played):
            player.observe(done)
        else:
            self._break_off(player, done)
            return
        self._go_on(player)

    def _break_off(self, player: Player, failure: Failure) -> None:
        if player.stop is None:
            player.fail(failure)
        self._end(player)

    def _go_on(self, player: Player) -> None:
        if player.stop is None:
            self._ready.append(player)
            return
        if player.stop in ("call_timeout", "environment_error"):
            self._end(player)
            return
        self._working[player] = []
        self._workers[player].score(player.answer)

    def _end(self, player: Player) -> None:
        self._workers.pop(player).close()
        self._finished.append(player)
