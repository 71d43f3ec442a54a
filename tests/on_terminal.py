"""What the command line writes to a terminal of 80 columns."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence

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


def on_terminal(*commands: Sequence[str]) -> str:
    """What commands print, errors among it, one after the other in one process."""
    above, below = pty.openpty()
    fcntl.ioctl(below, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMANDS, json.dumps(commands)],
        **{"stdin": below, "stdout": below, "stderr": below},
        env=environment,
    )
    os.close(below)
    written = b""
    # At the end some systems give nothing more to read, others an error.
    try:
        while piece := os.read(above, 65536):
            written += piece
    except OSError:
        pass
    os.close(above)
    process.wait()
    return written.decode("utf-8")
