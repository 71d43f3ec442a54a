"""What Ray's tests leave behind: nothing."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def own_sigterm() -> Iterator[None]:
    """This process's answer to SIGTERM, which a cluster that a test starts puts its own upon.

    A pool of forked processes, as in a test of another file, would wait for theirs for ever.
    """
    answer = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, answer)
