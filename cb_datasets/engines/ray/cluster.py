"""The Ray cluster that workers live in: one that runs is joined, or one is started here.

Ray is imported when a cluster is joined.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

from cb_datasets.errors import EngineError

STORE_BYTES = 128 * 2**20
"""Object store of a cluster that is started here; requests and samples are small."""

REACH_SECONDS = 10.0
"""How long a cluster may take to answer."""

_USERS: set[object] = set()
"""Who uses the connection that was made here; it ends with the last of them."""


def join_cluster(user: object) -> None:
    """Be part of a cluster: this process's own, one that runs, or a new one.

    One that another process has started for itself is not joined: it has no place for more
    workers, and ends with that process.

    Args:
        user: Who needs it, until `leave_cluster`.

    Raises:
        EngineError: It cannot be joined or started.
    """
    import ray

    if not ray.is_initialized():
        _USERS.clear()
        with _own_sigterm():
            _join_or_start()
    elif not _USERS:
        return  # Whoever made the connection ends it.
    _USERS.add(user)


def leave_cluster(user: object) -> None:
    """End the connection, and the cluster if it was started here, once nobody needs it."""
    import ray

    if user in _USERS:
        _USERS.remove(user)
        if not _USERS:
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


def _join_or_start() -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if address := os.environ.get("RAY_ADDRESS"):
        _check_reachable(address)
        try:
            ray.init(address=address, **quiet)
        except ConnectionError as error:
            raise EngineError(f"There is no Ray cluster at RAY_ADDRESS={address}.") from error
        return
    size: dict[str, Any] = {"include_dashboard": False, "object_store_memory": STORE_BYTES}
    try:
        try:
            # Not "auto", which joins also what another process has started for itself.
            ray.init(**size, **quiet)
        except ValueError:
            # `ray start` began one here, of its own size; one that has ended is not in the way.
            with contextlib.suppress(ConnectionError):
                ray.init(**quiet)
                return
            ray.init(address="local", **size, **quiet)
    except Exception as error:  # Ray raises whatever its services raise
        what = " ".join(str(error).split())[:300]
        raise EngineError(f"Ray cannot start ({type(error).__name__}: {what}).") from error


def _check_reachable(address: str) -> None:
    """See that someone listens at an address: Ray itself would wait for minutes.

    Raises:
        EngineError: Nobody does.
    """
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal()) or "/" in host:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_SECONDS).close()
    except OSError as error:
        raise EngineError(
            f"There is no Ray cluster at RAY_ADDRESS={address} ({error.strerror or error})."
        ) from error
