"""The demo build on a machine that others use too: beside one busy loop a core, next to alone.

A busy loop leaves a build some half of a core, so that about twice the time is the machine's doing;
what is far beyond that is threads that wait for each other. Alone and busy take turns, and the best
of their rounds counts. Usage: busy_machine.py [--rounds N] [BUILD OPTIONS]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUSY = [sys.executable, "-c", "while True: pass"]


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    loops = [subprocess.Popen(BUSY) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def seconds(options: list[str]) -> float:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    environment.pop("OMP_NUM_THREADS", None)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "demo")
        command = [sys.executable, "-m", "cb_datasets.cli.app", "build", str(out), "-s", "demo"]
        began = time.perf_counter()
        subprocess.run([*command, *options], env=environment, capture_output=True, check=False)
        took = time.perf_counter() - began
        assert (out / "manifest.json").exists(), "the build made no folder"
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    arguments, options = parser.parse_known_args()
    cores = len(os.sched_getaffinity(0))
    alone, busy = [], []
    for _ in range(arguments.rounds):
        alone.append(seconds(options))
        with busy_loops(cores):
            busy.append(seconds(options))
        print(f"alone {alone[-1]:6.1f} s   beside {cores} busy loops {busy[-1]:6.1f} s", flush=True)
    print(f"{min(busy) / min(alone):.2f} x as long beside one busy loop a core")


if __name__ == "__main__":
    main()
