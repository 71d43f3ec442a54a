"""Which Dr stops attacks without stopping the agent?

    python examples/does_it_break_the_circuit/mixes.py

Trains the arm "rerouting" with Dr drawn in other shares of its kinds, and in other amounts, under
each seed, and attacks again: a table, one line a mix.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from arms import REROUTING
from findings import cell, findings
from loop import HELD_OUT, UNDEFENDED, Run, build, outcomes

from cb_datasets import markdown
from cb_datasets.evaluation import EvalSample, Metric

SHOWN = ("ASR", "right while attacked", "capability", "refusals", "over-refusals")
SHARES = (0.0, 0.2, 0.4, 0.75)
"""Of rows in which an attack is in view and the agent does what is right."""


def mixes() -> dict[str, dict[str, object]]:
    """What differs from the recipe, by name of the mix."""
    assert REROUTING.retain_weights is not None
    weights = dict(REROUTING.retain_weights)
    total = sum(weights.values())
    own = weights.pop("adversarial_safe")
    found: dict[str, dict[str, object]] = {f"the recipe: {own / total:.0%} adversarial_safe": {}}
    for share in SHARES:
        weight = share / (1 - share) * (total - own)
        mix = {**weights, "adversarial_safe": weight}
        found[f"{share:.0%} adversarial_safe"] = {"retain_weights": mix}
    found["no benign twins"] = {"retain_weights": {**REROUTING.retain_weights, "benign_twin": 0}}
    found["all rows alike, as stored"] = {"retain_weights": None}
    return found


def main(given: list[str] | None = None) -> int:
    options = arguments(given)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch, "demo")
        if options.folder is None:
            build(folder)
        wanted: dict[str, dict[str, object]] = {UNDEFENDED: {}, **mixes()}
        runs = [
            (
                mix,
                Run(
                    str(folder), UNDEFENDED if mix == UNDEFENDED else "rerouting", recipe, 2, False
                ),
            )
            for mix, changes in wanted.items()
            for recipe in (replace(REROUTING, seed=seed, **changes) for seed in options.seeds)
        ]
        samples: dict[str, list[EvalSample]] = defaultdict(list)
        for run, own in outcomes([run for _, run in runs], options.processes):
            (mix,) = (name for name, known in runs if known is run)
            samples[mix] += own
            print(f"{mix}, seed {run.recipe.seed}", file=sys.stderr, flush=True)
    unseen = frozenset(HELD_OUT["template"])
    print(table(findings({mix: samples[mix] for mix in wanted}, unseen)))
    return 0


def table(found: Mapping[str, Mapping[str, Metric]]) -> str:
    """The answers in Markdown, a mix a line: shares in percent, 95 % intervals by groups."""
    rows = [(mix, *(cell(own.get(name)) for name in SHOWN)) for mix, own in found.items()]
    return markdown.table(("Dr", *SHOWN), rows, "l" + "r" * len(SHOWN))


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="a dataset folder built before")
    parser.add_argument(
        "--seeds", type=lambda text: tuple(map(int, text.split(","))), default=(0, 1, 2)
    )
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args(given)


if __name__ == "__main__":
    sys.exit(main())
