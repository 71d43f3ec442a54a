"""Workers under Ray: actors that hold an engine each, and the cluster that they live in.

An actor is fed while it generates: what is added to it joins the stream that its engine takes its
requests from, and what has finished is fetched. Ray is imported when a pool is made.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cb_datasets.engines.protocol import Engine, Generation, GenerationRequest, SamplingParams
from cb_datasets.errors import EngineError

STORE_BYTES = 128 * 2**20
"""Object store of a cluster that is started here; requests and samples are small."""

REACH_SECONDS = 10.0
"""How long a cluster may take to answer."""

WAIT_SECONDS = 2.0
"""How long a worker that has nothing finished makes those who ask wait."""


Answer = tuple[int, Generation]
"""A sample, and the number of the call of `generate` that it was asked for in."""


class EngineActor:
    """One engine in a process of its own.

    Args:
        engine: The engine, pickled.
    """

    def __init__(self, engine: bytes) -> None:
        self._pickled = engine
        self._waiting: queue.SimpleQueue[tuple[int, GenerationRequest, SamplingParams]]
        self._waiting = queue.SimpleQueue()
        self._finished: queue.SimpleQueue[Answer | BaseException] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    @cached_property
    def _engine(self) -> Engine:
        engine: Engine = pickle.loads(self._pickled)
        return engine

    def fingerprint(self) -> str:
        """The engine's, on this node; asked for before anything else.

        Raises:
            EngineError: The engine cannot be made here.
        """
        return self._engine.fingerprint()

    def process(self) -> int:
        """The id of this process."""
        return os.getpid()

    def add(self, call: int, requests: list[GenerationRequest], sampling: SamplingParams) -> None:
        """Let requests of a call join the stream."""
        for request in requests:
            self._waiting.put((call, request, sampling))

    def drop(self, call: int) -> None:
        """Forget what of a call has not begun; that of others, who may have come before, stays."""
        others = []
        with contextlib.suppress(queue.Empty):
            while True:
                waiting = self._waiting.get_nowait()
                if waiting[0] != call:
                    others.append(waiting)
        for waiting in others:
            self._waiting.put(waiting)

    def finished(self) -> list[Answer]:
        """What has finished since it was last asked; waits a moment for something.

        Raises:
            EngineError: The engine cannot start, or cannot go on.
        """
        found: list[Answer] = []
        with contextlib.suppress(queue.Empty):
            one = self._finished.get(timeout=WAIT_SECONDS)
            while True:
                if isinstance(one, BaseException):
                    raise one
                found.append(one)
                one = self._finished.get_nowait()
        return found

    def _run(self) -> None:
        while True:
            call, first, sampling = self._waiting.get()
            try:
                for generation in self._engine.generate(self._stream(call, first), sampling):
                    self._finished.put((call, generation))
            except BaseException as error:
                self._finished.put(error)

    def _stream(self, call: int, first: GenerationRequest) -> Iterator[GenerationRequest]:
        """What is waiting; ends when nothing is, as an engine does not step while it waits."""
        yield first
        with contextlib.suppress(queue.Empty):
            while True:
                other, request, sampling = self._waiting.get_nowait()
                if other != call:
                    self._waiting.put((other, request, sampling))
                    return
                yield request


@dataclass(eq=False, slots=True)
class Worker:
    """An actor, and the answer that it owes."""

    actor: Any
    asked: Any = field(default=None)


class WorkerPool:
    """The workers of an engine.

    Args:
        engine: See `RayEngine`.
        workers: See `RayEngine`.
        gpus: See `RayEngine`.

    Raises:
        EngineError: The cluster cannot be joined or started, or its nodes would sample
            differently.
    """

    def __init__(self, engine: Engine, workers: int | None, gpus: float | None) -> None:
        self._pickled = pickle.dumps(engine)
        self.workers: list[Worker] = []
        _connect(workers or 1)
        self._open = True
        try:
            import ray

            counted: Any = ray.cluster_resources
            found = counted()
            needed = float(getattr(engine, "gpus", 1)) if found.get("GPU", 0) else 0.0
            self._gpus = needed if gpus is None else gpus
            if workers is None and self._gpus:
                workers = max(1, int(found.get("GPU", 0) // self._gpus))
            listed: Any = ray.nodes
            nodes = sum(bool(node["Alive"]) for node in listed())
            self.workers = [self._start() for _ in range(workers or nodes)]
            prints = {worker: self._fingerprint_of(worker) for worker in self.workers}
        except BaseException:
            self.close()
            raise
        self.fingerprint = prints[self.workers[0]]
        for worker in self.workers:
            self._check(prints[worker])

    def finished(self, workers: Sequence[Worker]) -> list[tuple[Worker, list[Answer] | None]]:
        """What has finished, of each worker that answers first; None of one that has died.

        Raises:
            EngineError: An engine cannot start, or cannot go on.
        """
        import ray

        for worker in workers:
            if worker.asked is None:
                worker.asked = worker.actor.finished.remote()
        asked = {worker.asked: worker for worker in workers}
        ready, _ = ray.wait(list(asked), num_returns=1)
        answers: list[tuple[Worker, list[Answer] | None]] = []
        for reference in ready:
            worker = asked[reference]
            worker.asked = None
            answers.append((worker, self._answer(reference)))
        return answers

    def replace(self, dead: Worker) -> Worker:
        """A new worker in the place of one that has died."""
        self.workers.remove(dead)
        worker = self._start()
        self.workers.append(worker)
        self._check(self._fingerprint_of(worker))
        return worker

    def close(self) -> None:
        """End the workers, and the cluster if it was started here."""
        import ray

        for worker in self.workers:
            ray.kill(worker.actor)
        self.workers = []
        if self._open:
            self._open = False
            _disconnect()

    def _start(self) -> Worker:
        import ray

        actor = ray.remote(EngineActor)
        # One thread waits for samples while another brings requests.
        options = {"max_concurrency": 4, "num_gpus": self._gpus, "max_restarts": 0}
        return Worker(actor.options(**options).remote(self._pickled))

    def _fingerprint_of(self, worker: Worker) -> str:
        import ray

        try:
            return str(ray.get(worker.actor.fingerprint.remote()))
        except ray.exceptions.RayTaskError as error:
            raise _cause(error) from error
        except _deaths() as error:
            raise EngineError("A Ray worker died as it started; see the cluster's logs.") from error

    def _check(self, fingerprint: str) -> None:
        if fingerprint != self.fingerprint:
            raise EngineError(
                "The nodes of the Ray cluster would sample differently, since they choose other "
                "devices or dtypes; give both, or take nodes of one kind."
            )

    def _answer(self, reference: Any) -> list[Answer] | None:
        import ray

        try:
            answer: list[Answer] = ray.get(reference)
        except _deaths():
            return None
        except ray.exceptions.RayTaskError as error:
            raise _cause(error) from error
        return answer


def _deaths() -> tuple[type[Exception], ...]:
    import ray

    return (ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError)


def _cause(error: Any) -> EngineError:
    cause = error.cause
    if isinstance(cause, EngineError):
        return EngineError(str(cause))
    what = " ".join(str(cause).split())[:300]
    return EngineError(f"A Ray worker failed ({type(cause).__name__}: {what}).")


@dataclass(slots=True)
class _Connection:
    """This process's connection to Ray, and how many pools use it."""

    pools: int = 0
    made_here: bool = False


_CONNECTION = _Connection()


def _connect(workers: int) -> None:
    """Be part of a cluster: the one that this process is part of, one that runs, or a new one.

    Raises:
        EngineError: None of them is possible.
    """
    import ray

    if not ray.is_initialized():
        with _own_sigterm():
            _join_or_start(workers)
        _CONNECTION.made_here = True
    _CONNECTION.pools += 1


def _disconnect() -> None:
    """End what `_connect` made, once nobody needs it; a cluster that was joined goes on."""
    import ray

    _CONNECTION.pools -= 1
    if _CONNECTION.made_here and not _CONNECTION.pools:
        _CONNECTION.made_here = False
        ray.shutdown()


@contextlib.contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep this process's answer to SIGTERM.

    Ray puts its own in the place, which a forked process has too: pools of processes, such as
    those of `Dataset.map(num_proc=2)`, then wait for ever for theirs to end.
    """
    answer = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread() and answer is not None:
            signal.signal(signal.SIGTERM, answer)


def _join_or_start(workers: int) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    _check_reachable(os.environ.get("RAY_ADDRESS"))
    try:
        ray.init(address="auto", **quiet)
        return
    except ConnectionError as error:
        if address := os.environ.get("RAY_ADDRESS"):
            raise EngineError(f"There is no Ray cluster at RAY_ADDRESS={address}.") from error
    try:
        ray.init(
            address="local",
            # Logical ones: each worker takes one to be placed, however many there are.
            num_cpus=max(workers, os.cpu_count() or 1) + 1,
            include_dashboard=False,
            object_store_memory=STORE_BYTES,
            _node_ip_address="127.0.0.1",
            **quiet,
        )
    except Exception as error:  # Ray raises whatever its services raise
        what = " ".join(str(error).split())[:300]
        raise EngineError(f"Ray cannot start ({type(error).__name__}: {what}).") from error


def _check_reachable(address: str | None) -> None:
    """See that someone listens at an address: Ray itself would wait for minutes.

    Raises:
        EngineError: Nobody does.
    """
    host, _, port = (address or "").rpartition(":")
    if not (host and port.isdecimal()) or "/" in host:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_SECONDS).close()
    except OSError as error:
        raise EngineError(
            f"There is no Ray cluster at RAY_ADDRESS={address} ({error.strerror or error})."
        ) from error
