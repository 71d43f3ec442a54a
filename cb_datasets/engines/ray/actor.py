"""An engine in a Ray actor: it takes requests from a queue, and its samples come back as a stream.

The queue is Ray's own. `None` ends it, and with it the streams of all workers.
"""

from __future__ import annotations

import contextlib
import pickle
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
    ) -> Iterator[Generation]:
        """The samples of what is waiting, until the queue is ended.

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
        while (parcel := waiting.get()) is not None:
            yield from self._engine.generate(chain(parcel, _at_hand(waiting)), sampling)
        # For the others.
        waiting.put(None)


def _at_hand(waiting: Any) -> Iterator[GenerationRequest]:
    """What is waiting; ends when nothing is, as an engine does not step while it waits."""
    from ray.util.queue import Empty

    with contextlib.suppress(Empty):
        while (parcel := waiting.get_nowait()) is not None:
            yield from parcel
        waiting.put(None)
