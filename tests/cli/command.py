"""The command line, run in this process as a person would run it."""

from __future__ import annotations

import signal
import sys

import pytest

from cb_datasets.cli.app import main


def exit_code(*arguments: str) -> int:
    """What `cb-datasets ARGUMENTS` ends with."""
    old, handler = sys.argv, signal.getsignal(signal.SIGINT)
    sys.argv = ["cb-datasets", *arguments]
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        sys.argv = old
        signal.signal(signal.SIGINT, handler)
    return 0


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `cb-datasets ARGUMENTS`."""
    code = exit_code(*arguments)
    printed = capsys.readouterr()
    return code, printed.out, printed.err
