"""Any engine on many machines: a Ray actor for each copy of it, and one queue of requests for all.

Workers take requests as they have room, and samples come back as they finish, so that a journal
has them within seconds whatever becomes of a worker. One that dies is replaced; what it had not
finished is done when all else is. That is why this is no Ray Data pipeline: there samples come out
block by block, and the engine runs dry between two blocks.
"""

from __future__ import annotations

import contextlib
import importlib.util
import pickle
from collections.abc import Generator, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cb_datasets.engines.protocol import (
    Engine,
    Generation,
    GenerationRequest,
    SamplingParams,
    distinct,
)
from cb_datasets.engines.ray.actor import EngineActor
from cb_datasets.engines.ray.cluster import join_cluster, leave_cluster
from cb_datasets.errors import EngineError
from cb_datasets.extras import install_command
from cb_datasets.quoting import error_line

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

AT_A_TIME = 16
"""Requests are handed to workers in parcels of so many."""

WAITING = 64
"""Parcels that wait for each worker; more than it can run at a time, so that it never runs dry."""

DEATHS = 3
"""So many workers that die without a finished sample in between, and generation stops."""

_END = object()


class RayEngine:
    """Samples with several copies of an engine under Ray (the `ray` extra).

    It gives the samples that the engine itself would give, under the same name, so that a journal
    is shared between the two. A cluster that is running is joined (that of `RAY_ADDRESS`, or of
    `ray start` on this machine); otherwise one is started here and stopped again by `close`.

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
            raise EngineError(f"Ray is not installed: {install_command('ray')}")
        if workers is not None and workers < 1:
            raise EngineError(f"workers is {workers}; it must be 1 or more.")
        if gpus_per_worker is not None and gpus_per_worker < 0:
            raise EngineError(f"gpus_per_worker is {gpus_per_worker}; it must be 0 or more.")
        self._engine = engine
        self._workers = workers
        self._gpus = gpus_per_worker
        self._gpus_each = 0.0
        self._deaths = 0

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
    def trust_remote_code(self) -> bool:
        """Whether Python code that lies with the model may be run, here and by the workers."""
        return bool(getattr(self._engine, "trust_remote_code", False))

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's tokenizer."""
        return self._engine.tokenizer

    def fingerprint(self) -> str:
        """The engine's own, as it is where the workers run."""
        return self._fingerprint

    def generate(
        self, requests: Iterable[GenerationRequest | None], sampling: SamplingParams
    ) -> Iterator[Generation]:
        """One generation per request, as they finish.

        Raises:
            EngineError: The cluster cannot be used, an engine cannot start or go on, or workers
                keep dying.
        """
        _ = self._fingerprint
        return self._generate(distinct(requests), sampling)

    def close(self) -> None:
        """End the workers, and the cluster if it was started here."""
        actors = self.__dict__.pop("_actors", None)
        if actors is not None:
            import ray

            for actor in actors:
                ray.kill(actor)
            actors.clear()
            leave_cluster(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return RayEngine, (self._engine, self._workers, self._gpus)

    @cached_property
    def _fingerprint(self) -> str:
        try:
            return str(_answer(self._actors[0].fingerprint.remote()))
        except _deaths() as error:
            self.close()
            raise EngineError("A Ray worker died as it started; see the cluster's logs.") from error
        except EngineError:
            self.close()
            raise

    @cached_property
    def _actors(self) -> list[Any]:
        join_cluster(self)
        import ray

        of_cluster: Any = ray.cluster_resources
        gpus = of_cluster().get("GPU", 0)
        needed = float(getattr(self._engine, "gpus", 1)) if gpus else 0.0
        needed = needed if self._gpus is None else self._gpus
        places = int(gpus // needed) if needed else len(_nodes())
        self._gpus_each = needed
        return [self._start(place) for place in range(self._workers or max(1, places))]

    def _start(self, place: int) -> Any:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        strategy: Any = "SPREAD"
        if not self._gpus_each:
            # Ray spreads by what it knows of its nodes just then, which may put all on one.
            nodes = _nodes()
            strategy = NodeAffinitySchedulingStrategy(nodes[place % len(nodes)], soft=False)
        # No CPU is asked for: a worker that waits for one would wait for ever.
        actor = ray.remote(EngineActor).options(
            num_cpus=0, num_gpus=self._gpus_each, scheduling_strategy=strategy
        )
        return actor.remote(pickle.dumps(self._engine))

    def _generate(
        self, requests: Iterator[GenerationRequest | None], sampling: SamplingParams
    ) -> Iterator[Generation]:
        left: dict[str, GenerationRequest] = {}
        self._deaths = 0
        while True:
            with contextlib.closing(self._samples(requests, left, sampling)) as samples:
                for generation in samples:
                    if left.pop(generation.key, None):
                        self._deaths = 0
                        yield generation
            if not left:
                return
            # What workers had taken that have died.
            requests = iter(list(left.values()))

    def _samples(
        self,
        requests: Iterator[GenerationRequest | None],
        left: dict[str, GenerationRequest],
        sampling: SamplingParams,
    ) -> Generator[Generation, None, None]:
        """Samples of requests, which stand in `left` once they are handed out."""
        import ray
        from ray.util.queue import Queue

        actors, waiting = self._actors, Queue(actor_options={"num_cpus": 0})

        def stream(place: int) -> Any:
            method = actors[place].generate.options(num_returns="streaming")
            return method.remote(waiting, sampling, self._fingerprint)

        streams = {stream(place): place for place in range(len(actors))}
        more, scarce, finished = True, False, AT_A_TIME
        try:
            while streams:
                if more and (scarce or finished >= AT_A_TIME):
                    finished = 0
                    more, scarce = self._hand_out(requests, left, waiting)
                    if more and not left:
                        # Nothing yet, and nothing under way that it could wait for.
                        more = False
                        waiting.put(None)
                ready, _ = ray.wait(list(streams), num_returns=1)
                answers: Any = ready[0]
                try:
                    reference = next(answers, None)
                    samples = [] if reference is None else _answer(reference)
                except _deaths():
                    place = streams.pop(answers)
                    self._note_death()
                    actors[place] = self._start(place)
                    streams[stream(place)] = place
                    finished = AT_A_TIME
                    if not more:
                        waiting.put(None)
                    continue
                place = streams.pop(answers)
                if samples:
                    # To the end of the line: whoever is quick is not to be heard alone.
                    streams[answers] = place
                    finished += len(samples)
                    yield from samples
        except _deaths() as error:
            raise EngineError(
                "Ray's queue of requests has died; see the cluster's logs."
            ) from error
        finally:
            if streams and actors:
                _end(waiting)

    def _hand_out(
        self,
        requests: Iterator[GenerationRequest | None],
        left: dict[str, GenerationRequest],
        waiting: Any,
    ) -> tuple[bool, bool]:
        """Fill the queue; whether there is more, and whether there is none of it yet."""
        room = WAITING * len(self._actors) - waiting.qsize()
        parcels: list[list[GenerationRequest]] = []
        ended = scarce = False
        while len(parcels) < room and not (ended or scarce):
            parcel: list[GenerationRequest] = []
            while len(parcel) < AT_A_TIME and not (ended or scarce):
                request = next(requests, _END)
                ended, scarce = request is _END, request is None
                if isinstance(request, GenerationRequest):
                    parcel.append(request)
            parcels += [parcel] if parcel else []
        left.update((request.key, request) for parcel in parcels for request in parcel)
        waiting.put_nowait_batch(parcels)
        if ended:
            waiting.put(None)
        return not ended, scarce

    def _note_death(self) -> None:
        self._deaths += 1
        if self._deaths >= DEATHS:
            raise EngineError(
                f"{self._deaths} Ray workers have died without a finished sample in between; see "
                "the logs of the cluster."
            )


def _end(waiting: Any) -> None:
    """Take back what no worker has taken."""
    from ray.util.queue import Empty

    with contextlib.suppress(*_deaths()):
        with contextlib.suppress(Empty):
            while True:
                waiting.get_nowait()
        waiting.put(None)


def _answer(reference: Any) -> Any:
    """What an actor answers.

    Raises:
        EngineError: What its engine has raised.
    """
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, EngineError):
            raise EngineError(str(cause)) from error
        raise EngineError(f"A Ray worker failed ({error_line(cause)}).") from error


def _nodes() -> list[str]:
    """Ids of the cluster's living nodes."""
    import ray

    listed: Any = ray.nodes
    return [node["NodeID"] for node in listed() if node["Alive"]]


def _deaths() -> tuple[type[Exception], ...]:
    """What is raised of a worker that has died, or whose node has before it could start."""
    import ray

    errors = ray.exceptions
    return (errors.RayActorError, errors.WorkerCrashedError, errors.ActorUnschedulableError)
