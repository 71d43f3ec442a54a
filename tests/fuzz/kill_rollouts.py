"""Kill runs of rollouts with SIGKILL at random moments, and see that they end in the same bytes.

    python -m tests.fuzz.kill_rollouts --suite workspace --kills 20

Each part runs under another PYTHONHASHSEED. Needs the package agentdojo. Prints how many samples
were made: those of an uninterrupted run, plus what was in flight at the kills.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PART = """
import sys
from pathlib import Path
from cb_datasets.environments.agentdojo import agentdojo_suite
from cb_datasets.rollouts import rollout
from tests.rollouts.scripted_engine import ScriptedEngine
from tests.rollouts.test_agentdojo import policy

name, folder, journal, made = sys.argv[1:5]
suite = agentdojo_suite(name, "v1.2.2")
chosen = {"suite": name, "injection_tasks": list(suite.injection_tasks)[:2]}

class Counting(ScriptedEngine):
    def generation(self, request):
        with open(made, "a") as out:
            out.write("x")
        return super().generation(request)

rollout(
    "agentdojo",
    Counting(policy(obeys=True, **chosen), slots=8),
    folder,
    episodes=chosen,
    timestamp="2026-01-01",
    journal=journal or None,
    max_turns=20,
)
"""


def part(suite: str, folder: Path, journal: Path, made: Path, seed: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    command = [sys.executable, "-c", PART, suite, str(folder), str(journal), str(made)]
    return subprocess.Popen(command, env=environment)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", default="workspace")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        began = time.monotonic()
        assert part(asked.suite, root / "whole", root / "j0", root / "m0", 0).wait() == 0
        whole = time.monotonic() - began
        kills = 0
        number = 0
        while not (root / "parts" / "rollout.json").exists():
            number += 1
            running = part(asked.suite, root / "parts", root / "j1", root / "m1", number)
            try:
                wait = None if kills >= asked.kills else rng.uniform(0.3, 0.6) * whole
                running.wait(wait)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
                kills += 1
        for name in ("trajectories.jsonl.gz", "rollout.json"):
            same = (root / "whole" / name).read_bytes() == (root / "parts" / name).read_bytes()
            assert same, f"{name} differs"
        made = [(root / name).stat().st_size for name in ("m0", "m1")]
        print(f"{kills} kills: the same bytes; samples made {made[1]}, uninterrupted {made[0]}")


if __name__ == "__main__":
    main()
