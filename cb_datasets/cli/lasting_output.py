"""Standard output and error that end no work: a command does what it is for, printed or not.

In: the streams as they are: a pipe whose reader has gone, a full disk, a terminal of another
encoding, or none. Out: streams that take every text. What could not be printed is said once on
standard error; a reader that has gone (`| head`) wanted no more.
"""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from cb_datasets.quoting import reason_of

if TYPE_CHECKING:
    from typing_extensions import Buffer


class _Sink(io.FileIO):
    """A file descriptor to write to, which drops what cannot be written."""

    failure: OSError | None = None

    def write(self, data: Buffer, /) -> int:
        size = memoryview(data).nbytes
        while self.failure is None:
            try:
                if (written := super().write(data)) is not None:
                    return written
                # The pipe is full and does not block: its other end set it so.
                select.select([], [self], [])
            except OSError as error:
                self.failure = error
        return size


class _LastingStream(io.TextIOWrapper):
    """Text to a file descriptor; a character that its encoding lacks is written as its escape."""

    def __init__(self, number: int, encoding: str) -> None:
        self.sink = _Sink(number, "w", closefd=False)
        terminal = self.sink.isatty()
        super().__init__(
            io.BufferedWriter(self.sink), encoding, "backslashreplace", line_buffering=terminal
        )


@contextmanager
def lasting_output() -> Iterator[None]:
    """Have nothing that is printed inside raise, and nothing be written to where it should not."""
    _occupy_standard_descriptors()
    before = sys.stdout, sys.stderr
    out, err = sys.stdout, sys.stderr = _lasting(sys.stdout, 1), _lasting(sys.stderr, 2)
    try:
        yield
    finally:
        out.flush()
        failure = _failure(out)
        if failure is not None and not isinstance(failure, BrokenPipeError):
            print(
                f"cb-datasets: standard output cannot be written ({reason_of(failure)})", file=err
            )
        err.flush()
        sys.stdout, sys.stderr = before


def heard() -> bool:
    """Whether what is printed still goes anywhere."""
    sys.stdout.flush()
    return _failure(sys.stdout) is None


def _failure(stream: object) -> OSError | None:
    return stream.sink.failure if isinstance(stream, _LastingStream) else None


def _lasting(stream: TextIO | None, number: int) -> TextIO:
    if stream is None or stream.closed:
        return _LastingStream(number, "utf-8")
    try:
        number = stream.fileno()
    except io.UnsupportedOperation:
        # A stream in memory: what runs the command wants to have what is printed.
        return stream
    with suppress(OSError):
        stream.flush()
    return _LastingStream(number, stream.encoding or "utf-8")


def _occupy_standard_descriptors() -> None:
    """Let no file that is opened later take the number, and with it the output, of a closed one."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
