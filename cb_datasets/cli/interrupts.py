"""Ctrl-C: the first ends the work and tidies up, the second is told so, the third ends at once.

In: SIGINT at any moment. Out: exit code 130 and one sentence, never a traceback. Whoever presses
twice does not cut off what makes the first press leave nothing behind.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

INTERRUPTED = 130


class _InterruptedError(BaseException):
    """Ctrl-C, under a name that typer does not turn into an exit of its own."""


class _Interrupts:
    """What SIGINT does."""

    def __init__(self) -> None:
        self.at_work = True
        self._told = False

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if self.at_work:
            self.at_work = False
            raise _InterruptedError
        if self._told:
            os._exit(INTERRUPTED)
        self._told = True
        # Not through a stream, in the midst of whose work this may be.
        with suppress(OSError):
            os.write(2, b"cb-datasets: tidying up; Ctrl-C once more ends it at once\n")


@contextmanager
def interruptible() -> Iterator[None]:
    """Have Ctrl-C end what is inside, and the process with it; blocks may be nested.

    Once the block is done, Ctrl-C no longer changes what the process ends with.

    Raises:
        SystemExit: With code 130, for Ctrl-C.
    """
    now = signal.getsignal(signal.SIGINT)
    nested = isinstance(now, _Interrupts) and now.at_work
    if nested or threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupts = _Interrupts()
    try:
        signal.signal(signal.SIGINT, interrupts)
        yield
    except (_InterruptedError, KeyboardInterrupt):
        interrupts.at_work = False
        if sys.stderr is not None:
            with suppress(OSError):
                print("cb-datasets: interrupted; nothing is half-written", file=sys.stderr)
        sys.exit(INTERRUPTED)
    finally:
        interrupts.at_work = False
