"""An engine in a Ray actor: it takes requests from a queue, and its samples come back as a stream.

The queue is Ray's own. `None` ends it, and with it the streams of all workers.
"""

from __future__ import annotations

import contextlib
import pickle
import queue
import threading
from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from typing import Any

from cb_datasets.engines.protocol import Engine, Generation, GenerationRequest, SamplingParams
from cb_datasets.errors import EngineError


class EngineActor:
    """One engine in a process of its own.

    Args:
        engine: The engine, pickled.
    """

    def __init__(self, engine: bytes) -> None:
        self._pickled = engine

    @cached_property
    def _engine(self) -> Engine:
        engine: Engine = pickle.loads(self._pickled)
        return engine

    def fingerprint(self) -> str:
        """The engine's, on this node.

        Raises:
            EngineError: The engine cannot be made here.
        """
        return self._engine.fingerprint()

    def generate(
        self, waiting: Any, sampling: SamplingParams, fingerprint: str
    ) -> Iterator[list[Generation]]:
        """The samples of what is waiting, as many at a time as have finished, until the queue ends.

        Args:
            waiting: A `ray.util.queue.Queue` of parcels of requests, and `None` at its end.
            sampling: See `Engine.generate`.
            fingerprint: Of the other workers.

        Raises:
            EngineError: The engine cannot start or go on, or would sample differently.
        """
        if self.fingerprint() != fingerprint:
            raise EngineError(
                "The nodes of the Ray cluster would sample differently, since they choose other "
                "devices or dtypes; give both, or take nodes of one kind."
            )
        finished: queue.SimpleQueue[Generation | BaseException | None] = queue.SimpleQueue()
        # A thread of its own: what Ray takes for a message is not taken from the engine's steps.
        threading.Thread(target=self._run, args=(waiting, sampling, finished), daemon=True).start()
        while True:
            found = [finished.get()]
            while not finished.empty():
                found.append(finished.get())
            if samples := [one for one in found if isinstance(one, Generation)]:
                yield samples
            if isinstance(found[-1], BaseException):
                raise found[-1]
            if found[-1] is None:
                return

    def _run(
        self,
        waiting: Any,
        sampling: SamplingParams,
        finished: queue.SimpleQueue[Generation | BaseException | None],
    ) -> None:
        try:
            while (parcel := waiting.get()) is not None:
                requests = chain(parcel, _at_hand(waiting))
                for generation in self._engine.generate(requests, sampling):
                    finished.put(generation)
            # For the others.
            waiting.put(None)
            finished.put(None)
        except BaseException as error:
            finished.put(error)


def _at_hand(waiting: Any) -> Iterator[GenerationRequest]:
    """What is waiting; ends when nothing is, as an engine does not step while it waits."""
    from ray.util.queue import Empty

    with contextlib.suppress(Empty):
        while (parcel := waiting.get_nowait()) is not None:
            yield from parcel
        waiting.put(None)
