"""A million rows shaped like Fujitsu B4's: read, deduplicated and split, beside `datasets`' loader.

    python -m tests.benchmarks.read_million --rows 1000000

Each side runs in a process of its own, over the same generated file, and prints its time and the
most memory it held (`ru_maxrss`, which counts the pages of mapped files that it has read, too).
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_WORDS = [
    f"{a}{b}{c}" for a in ("ka", "mo", "ri", "te", "su") for b in "bdfglmnprst" for c in "aeiou"
]
_ENDS = ("", ".", " Thank you.", " please")


def write_rows(path: Path, rows: int, seed: int = 0) -> None:
    """Attacks on about `rows / 50` queries; one in thirty repeats an earlier one, or nearly."""
    rng = random.Random(seed)
    queries = [" ".join(rng.choices(_WORDS, k=14)) for _ in range(max(1, rows // 50))]
    styles = [" ".join(rng.choices(_WORDS, k=25)) for _ in range(400)]
    earlier: list[tuple[str, str]] = []
    with open(path, "w", encoding="utf-8") as stream:
        for number in range(rows):
            query = rng.choice(queries)
            injection = f"{rng.choice(styles)} {' '.join(rng.choices(_WORDS, k=20))}"
            if earlier and number % 30 == 0:
                query, injection = rng.choice(earlier)
                injection += rng.choice(_ENDS)
            elif number % 100 == 1 and len(earlier) < 10_000:
                earlier.append((query, injection))
            row = {
                "attack_id": f"{number % 60:02d}.O-{number}",
                "category": f"LLM{number % 10 + 1:02d}",
                "subtype": f"style {number % 40}",
                "benign_query": query,
                "malicious_injection": injection,
                "combined_query": f"{query}\n\n{injection}",
                "expected_tool": "retrieve_multimodal_docs",
                "simulated_tool": "search_web",
                "success": number % 3 > 0,
                "judge_note": "the simulator called another tool than expected",
                "models_used": {"crafter": "a", "simulator": "b"},
                "script_version": "1",
                "record_id": f"r{number}",
                "timestamp": "2025-01-01T00:00:00Z",
            }
            stream.write(json.dumps(row) + "\n")


def read_with_cb_datasets(path: Path) -> dict[str, int]:
    """Read, find duplicates and split, as `build_sets` does before it samples."""
    from cb_datasets.sets.plan import plan_scenarios
    from cb_datasets.sources import read_source

    start = time.perf_counter()
    read = read_source("fujitsu_b4", str(path))
    print(f"  reading {time.perf_counter() - start:.1f} s", flush=True)
    plan = plan_scenarios(read.scenarios, eval_fraction=0.2)
    return {
        "lines": read.report.lines,
        "scenarios": len(read.scenarios),
        "duplicates": len(plan.kept) - len(plan.near),
        "near duplicates": len(plan.near),
        "groups held out": len(plan.held_out),
    }


def read_with_datasets(path: Path) -> dict[str, int]:
    """The JSON loader of `datasets`, and nothing else."""
    import datasets

    table = datasets.load_dataset("json", data_files=str(path), split="train")
    return {"rows": len(table)}


_SIDES = {"cb_datasets": read_with_cb_datasets, "datasets": read_with_datasets}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--side", choices=_SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        _run_side(given.side, given.file)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "orchestrator_attacks_generated.jsonl")
        write_rows(path, given.rows)
        print(f"{given.rows} rows, {path.stat().st_size / 2**20:.0f} MiB")
        seconds = {}
        for side in ("datasets", "cb_datasets"):
            command = [sys.executable, __file__, "--side", side, "--file", str(path)]
            done = subprocess.run(
                command,
                env={"PATH": "/usr/bin:/bin", "HF_HOME": str(Path(folder, side)), "HOME": folder},
                capture_output=True,
                text=True,
                check=True,
            )
            *words, last = done.stdout.splitlines()
            result = json.loads(last)
            seconds[side] = result["seconds"]
            print(
                f"{side}: {result['seconds']:.1f} s, {given.rows / result['seconds']:.0f} rows/s, "
                f"peak {result['peak_mib']} MiB, {result['found']}"
            )
            print(*words, sep="\n")
        print(f"cb_datasets / datasets: {seconds['cb_datasets'] / seconds['datasets']:.2f}")


def _run_side(side: str, path: Path) -> None:
    start = time.perf_counter()
    found = _SIDES[side](path)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"seconds": time.perf_counter() - start, "peak_mib": peak, "found": found}))


if __name__ == "__main__":
    main()
