"""Does this data break the circuit and restore what is right, and does that of others?

    python examples/does_it_break_the_circuit/run.py --output findings
    python examples/does_it_break_the_circuit/run.py --short

Builds the demo dataset with the tiny agent, evaluates it, trains a circuit breaker on each arm of
`arms.py` under each seed, evaluates again: a table and a picture. `--short` is one seed and two
arms, without forced calls; it exits with 1 unless pairs halve the attack success rate and raise the
right calls under attack, and label text does neither.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from arms import ARMS, TOLD
from findings import draw, draw_frontier, findings, relative_fall, restores, table
from loop import HELD_OUT, SHORT, UNDEFENDED, Run, build, outcomes, recipe_of

from cb_datasets.evaluation import EvalSample


def main(given: list[str] | None = None) -> int:
    options = arguments(given)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch, "demo")
        if options.folder is None:
            build(folder, options.build_samples)
            print(f"built after {time.monotonic() - began:.0f} s", flush=True)
        forced = not options.short
        runs = [
            Run(str(folder), arm, recipe_of(arm, seed, options.share), options.samples, forced)
            for seed in options.seeds
            for arm in (UNDEFENDED, *options.arms)
        ]
        samples: dict[str, list[EvalSample]] = defaultdict(list)
        for run, own in outcomes(runs, options.processes):
            samples[run.arm] += own
            print(
                f"{run.arm}, seed {run.recipe.seed}: {time.monotonic() - began:.0f} s", flush=True
            )
    order = [UNDEFENDED, *options.arms]
    unseen = frozenset(HELD_OUT["template"])
    found = findings({arm: samples[arm] for arm in order}, unseen)
    print(table(found))
    for arm in options.arms:
        print(f"{arm}: ASR down by {relative_fall(found, arm, UNDEFENDED):.0%}")
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "findings.md").write_text(table(found) + "\n", encoding="utf-8")
        plain = {arm: {q: m.to_dict() for q, m in own.items()} for arm, own in found.items()}
        (options.output / "findings.json").write_text(json.dumps(plain, indent=2) + "\n")
        draw(found, options.output / "findings.png")
        draw_frontier(found, options.output / "frontier.png")
    if options.short:
        return 0 if restores(found, "pairs") and not restores(found, "label text") else 1
    return 0


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="folder for table and picture")
    parser.add_argument("--folder", type=Path, help="a dataset folder built before")
    parser.add_argument("--seeds", type=_numbers, default=(0, 1, 2))
    parser.add_argument("--arms", type=_arms, default=TOLD)
    parser.add_argument("--samples", type=int, default=2, help="for each unforced row of eval")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--short", action="store_true", help="a check of two minutes")
    parser.set_defaults(build_samples=5, share=1.0)
    options = parser.parse_args(given)
    if options.short:
        options.seeds, options.arms = (0,), ("pairs", "label text")
        options.build_samples, options.samples, options.share = 2, 1, SHORT
    return options


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _arms(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in ARMS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(ARMS)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
