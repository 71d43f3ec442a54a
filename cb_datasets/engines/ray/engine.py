"""Any engine on many machines: a Ray actor for each copy of it, and one stream of requests for all.

Samples come back as they finish, so that a journal has them within seconds whatever becomes of a
worker. A worker that dies is replaced and what it had not finished is begun anew. That is why these
are plain actors and no Ray Data pipeline: there samples come out block by block, and the engine
runs dry between two blocks.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from cb_datasets.engines.protocol import (
    Engine,
    Generation,
    GenerationRequest,
    SamplingParams,
    distinct,
)
from cb_datasets.engines.ray.pool import Worker, WorkerPool
from cb_datasets.errors import EngineError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

AT_A_TIME = 16
"""Requests are handed to workers in parcels of so many."""

UNDER_WAY = 1024
"""Requests that a worker has at most; more than it can run at a time, so that it never runs dry."""

DEATHS = 3
"""So many workers that die without a finished sample in between, and generation stops."""


class RayEngine:
    """Samples with several copies of an engine under Ray (the `ray` extra).

    It gives the samples that the engine itself would give, under the same name, so that a journal
    is shared between the two. A cluster that is running is joined (`RAY_ADDRESS`, or one on this
    machine); otherwise one is started on this machine and stopped again by `close`.

    Args:
        engine: The engine; each worker makes its own from its specification.
        workers: Copies of it; None takes one for each share of the cluster's GPUs that
            `gpus_per_worker` is, or one a node where there are none.
        gpus_per_worker: GPUs of each; None takes what the engine runs on (1, or the product of
            vLLM's parallel sizes) where the cluster has any.

    Raises:
        EngineError: Ray is not installed, or a number is out of range.

    Example:
        >>> engine = RayEngine(cb.load_engine("vllm", "org/model"), workers=8)  # doctest: +SKIP
    """

    def __init__(
        self, engine: Engine, workers: int | None = None, gpus_per_worker: float | None = None
    ) -> None:
        if importlib.util.find_spec("ray") is None:
            raise EngineError('Ray is not installed: pip install "cb_datasets[ray]".')
        if workers is not None and workers < 1:
            raise EngineError(f"workers is {workers}; it must be 1 or more.")
        if gpus_per_worker is not None and gpus_per_worker < 0:
            raise EngineError(f"gpus_per_worker is {gpus_per_worker}; it must be 0 or more.")
        self._engine = engine
        self._workers = workers
        self._gpus = gpus_per_worker

    @property
    def name(self) -> str:
        """The backend of the engine."""
        return self._engine.name

    @property
    def model(self) -> str:
        """The engine's model."""
        return self._engine.model

    @property
    def revision(self) -> str:
        """The model's revision."""
        return self._engine.revision

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's tokenizer."""
        return self._engine.tokenizer

    @cached_property
    def _fingerprint(self) -> str:
        return self._pool.fingerprint

    def fingerprint(self) -> str:
        """The engine's own, as it is where the workers run."""
        return self._fingerprint

    def generate(
        self, requests: Iterable[GenerationRequest], sampling: SamplingParams
    ) -> Iterator[Generation]:
        """One generation per request, as they finish.

        Raises:
            EngineError: The cluster cannot be used, an engine cannot start or go on, or workers
                keep dying.
        """
        return _Call(self._pool, sampling).generations(distinct(requests))

    def close(self) -> None:
        """End the workers, and the cluster if it was started here."""
        pool = self.__dict__.pop("_pool", None)
        if pool is not None:
            pool.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return RayEngine, (self._engine, self._workers, self._gpus)

    @cached_property
    def _pool(self) -> WorkerPool:
        return WorkerPool(self._engine, self._workers, self._gpus)


class _Call:
    """One call of `generate`: who was given which requests."""

    _numbers = count()

    def __init__(self, pool: WorkerPool, sampling: SamplingParams) -> None:
        self._pool = pool
        self._sampling = sampling
        self._number = next(self._numbers)
        self._own: dict[Worker, dict[str, GenerationRequest]] = {w: {} for w in pool.workers}
        self._deaths = 0

    def generations(self, requests: Iterator[GenerationRequest]) -> Iterator[Generation]:
        try:
            while True:
                while min(map(len, self._own.values())) < UNDER_WAY:
                    if not (parcel := list(islice(requests, AT_A_TIME))):
                        break
                    self._share(parcel)
                busy = [worker for worker, own in self._own.items() if own]
                if not busy:
                    return
                for worker, answers in self._pool.finished(busy):
                    if answers is None:
                        self._replace(worker)
                        continue
                    for number, generation in answers:
                        # An earlier call may have been broken off.
                        if number == self._number:
                            self._deaths = 0
                            del self._own[worker][generation.key]
                            yield generation
        finally:
            for worker, own in self._own.items():
                if own:
                    worker.actor.drop.remote(self._number)

    def _share(self, requests: list[GenerationRequest]) -> None:
        """Give each parcel to whoever has least to do."""
        for start in range(0, len(requests), AT_A_TIME):
            parcel = requests[start : start + AT_A_TIME]
            worker = min(self._own, key=lambda one: len(self._own[one]))
            self._own[worker] |= {request.key: request for request in parcel}
            worker.actor.add.remote(self._number, parcel, self._sampling)

    def _replace(self, dead: Worker) -> None:
        self._deaths += 1
        if self._deaths >= DEATHS:
            raise EngineError(
                f"{self._deaths} Ray workers have died without a finished sample in between; see "
                "the logs of the cluster."
            )
        left = self._own.pop(dead)
        self._own[self._pool.replace(dead)] = {}
        self._share(list(left.values()))
