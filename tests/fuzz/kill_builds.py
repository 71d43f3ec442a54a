"""Kill whole builds at random moments; what ends well must be the folder of an undisturbed build.

    python tests/fuzz/kill_builds.py [--kills 30] [--seed 0]
    python tests/fuzz/kill_builds.py --backend vllm --within 0.8

Each build is the command of a user, `cb-datasets build`, killed with SIGKILL at some moment in the
first sixth (or another share) of the time that an undisturbed one takes, and given again, until
the kills are used up and one ends by itself. A build that ends before is compared, and another one
begun. Every sample may stand in the journal once.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from cb_datasets.engines.journal.part import PART_NAME, payload_of


def command(folder: Path, journal: Path, backend: str) -> list[str]:
    build = [sys.executable, "-m", "cb_datasets.cli.app", "build", str(folder)]
    return [*build, "--backend", backend, "--journal", str(journal)]


def differing(one: Path, two: Path) -> list[str]:
    """The files that two folders do not share to the byte."""
    names = {f.relative_to(root).as_posix() for root in (one, two) for f in root.rglob("*.*")}
    _, unlike, missing = filecmp.cmpfiles(one, two, sorted(names), shallow=False)
    return [*unlike, *missing]


def journaled(journal: Path) -> Counter[str]:
    """How often each sample stands in a journal."""
    found: Counter[str] = Counter()
    for part in journal.glob(PART_NAME):
        # The first line says what the file is; a torn one is no sample.
        for line in part.read_bytes().split(b"\n")[1:]:
            if (text := payload_of(line)) is not None:
                found[json.loads(text)["id"]] += 1
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="transformers")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--within", type=float, default=1 / 6, help="more for an engine that is slow to begin"
    )
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    # Builds on both sides of midnight are to be the same.
    os.environ.setdefault("SOURCE_DATE_EPOCH", "0")
    scratch = Path(tempfile.mkdtemp())
    try:
        return run(arguments.backend, arguments.kills, arguments.within, rng, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def run(backend: str, kills: int, within: float, rng: random.Random, scratch: Path) -> int:
    began = time.monotonic()
    undisturbed = scratch / "undisturbed"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(
        command(undisturbed, scratch / "journal-undisturbed", backend), check=True, **quiet
    )
    seconds = time.monotonic() - began
    wanted = journaled(scratch / "journal-undisturbed")
    print(f"undisturbed: {len(wanted)} samples, {seconds:.0f} s", flush=True)
    used = builds = failures = 0
    while used < kills:
        builds += 1
        folder, journal = scratch / f"build-{builds}", scratch / f"journal-{builds}"
        while True:
            process = subprocess.Popen(
                command(folder, journal, backend), start_new_session=True, **quiet
            )
            try:
                code = process.wait(rng.uniform(1, seconds * within) if used < kills else None)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                used += 1
                if folder.exists():
                    # Written whole in the moment before: it is compared as any other.
                    break
                continue
            if code != 0:
                print(f"build {builds}: exit code {code}")
                failures += 1
            break
        found = journaled(journal)
        twice = [sample for sample, count in found.items() if count > 1]
        unlike = differing(undisturbed, folder)
        print(
            f"build {builds}: {used} kills so far; files that differ: {unlike or 'none'}; "
            f"samples kept {len(found)}, twice {len(twice)}",
            flush=True,
        )
        failures += bool(unlike) + bool(twice) + (found.keys() != wanted.keys())
    print(f"{backend}: {used} kills over {builds} builds, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
