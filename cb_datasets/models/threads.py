"""How many threads torch computes with on a CPU, while a model is at work and no longer.

Torch's threads wait for each other after every operation, and they wait by spinning. The operations
of a small model are so short that a second thread saves little, and where others use the cores too
it costs many times more.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_IMPORTED_IN = os.getpid()


class _AtWork:
    """Who is at work in this process, and what the first of them found set."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        self.before = 0


_at_work = _AtWork()


@contextmanager
def torch_threads(number: int | None) -> Iterator[None]:
    """Have torch compute with so many threads inside; afterwards it is as the caller had set it.

    Args:
        number: How many; None leaves the caller's number.

    Example:
        >>> before = torch.get_num_threads()
        >>> with torch_threads(1):
        ...     torch.get_num_threads()
        1
        >>> torch.get_num_threads() == before
        True
    """
    if number is None or os.getpid() != _IMPORTED_IN:
        yield
        return
    # A thread that is new to torch takes over what another has set for its work meanwhile, so that
    # what the caller had is known to the first alone.
    with _at_work.lock:
        if not _at_work.count:
            _at_work.before = torch.get_num_threads()
        _at_work.count += 1
        torch.set_num_threads(number)
    try:
        yield
    finally:
        with _at_work.lock:
            _at_work.count -= 1
            torch.set_num_threads(_at_work.before)


def use_one_thread_in_a_fork() -> None:
    """Keep a forked worker (`map(num_proc=…)`) from waiting for threads that it does not have.

    OpenMP's threads do not survive a fork: once the parent has computed anything, the first
    parallel region of its child would wait for them for ever. Workers side by side want one
    thread each anyway.
    """
    if os.getpid() != _IMPORTED_IN:
        torch.set_num_threads(1)
