"""What the command line writes to a terminal, of 80 columns unless told."""

from __future__ import annotations

import codecs
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

COLUMNS = 80
_COMMANDS = """
import json, sys
from cb_datasets.cli.app import main

for arguments in json.loads(sys.argv[1]):
    sys.argv = ["cb-datasets", *arguments]
    try:
        main()
    except SystemExit as stop:
        print("exit", stop.code)
"""


def on_terminal(*commands: Sequence[str], columns: int = COLUMNS) -> str:
    """What commands print, errors among it, one after the other in one process."""
    with begun_on_terminal(*commands, columns=columns) as (_, pieces):
        return "".join(pieces)


@contextmanager
def begun_on_terminal(
    *commands: Sequence[str], columns: int = COLUMNS
) -> Iterator[tuple[subprocess.Popen[bytes], Iterator[str]]]:
    """The process of commands, and what it prints as it prints it; it is waited for."""
    above, below = pty.openpty()
    fcntl.ioctl(below, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    for name in ("NO_COLOR", "COLUMNS"):
        environment.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMANDS, json.dumps(commands)],
        **{"stdin": below, "stdout": below, "stderr": below},
        env=environment,
    )
    os.close(below)
    pieces = _pieces(above)
    try:
        yield process, pieces
        for _ in pieces:
            pass
    except BaseException:
        process.kill()
        raise
    finally:
        os.close(above)
        process.wait()


def _pieces(terminal: int) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    # At the end some systems give nothing more to read, others an error.
    try:
        while piece := os.read(terminal, 65536):
            yield decoder.decode(piece)
    except OSError:
        return
