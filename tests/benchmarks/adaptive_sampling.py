"""Rows for the tokens they cost: a fixed number of samples next to sampling until enough.

The builds of the demo suite take their samples from one journal, since a sample is the same in
each. Usage: adaptive_sampling.py [transformers|vllm] [--samples 5] [--enough 1] [--most 8]
"""

from __future__ import annotations

import argparse
import tempfile

import cb_datasets as cb


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backend", nargs="?", default="transformers")
    parser.add_argument("--samples", type=int, default=5, help="of the fixed build")
    parser.add_argument("--enough", type=int, default=1, help="min_successes, min_pairs")
    parser.add_argument("--most", type=int, default=8, help="max_samples")
    parser.add_argument("--every", type=int, default=1, help="take every n-th scenario only")
    arguments = parser.parse_args()

    engine = cb.load_engine(arguments.backend)
    scenarios = cb.load_source("demo")
    scenarios = scenarios.select(range(0, len(scenarios), arguments.every))
    builds = {
        f"n = {arguments.samples}": {"num_samples": arguments.samples},
        f"until {arguments.enough}, at most {arguments.most}": {
            "min_successes": arguments.enough,
            "max_samples": arguments.most,
        },
        f"until {arguments.enough} pairs, at most {arguments.most}": {
            "min_pairs": arguments.enough,
            "max_samples": arguments.most,
        },
    }
    with tempfile.TemporaryDirectory() as journal:
        made = {
            name: cb.build_sets(scenarios, engine, journal=journal, **options)
            for name, options in builds.items()
        }
    print(f"{len(scenarios)} scenarios, {arguments.backend}")
    heads = ("samples", "tokens", "Ds", "Dr", "pairs", "own", "with both")
    print(f"{'':28} {''.join(f'{head:>10}' for head in heads)}")
    for name, sets in made.items():
        cost, found = sets.facts["sampling"], sets.stats()["pairs"]
        counts = (cost["samples"], cost["tokens"], len(sets.ds), len(sets.dr), found["rows"])
        own = found["by_origin"].get("own", 0)
        line = "".join(f"{count:10}" for count in (*counts, own, found["both_own"]))
        print(f"{name:28} {line}")
    first, *others = made.items()
    for name, sets in others:
        share = sets.facts["sampling"]["tokens"] / first[1].facts["sampling"]["tokens"]
        print(f"{name}: {share:.2f} of the tokens of {first[0]}")


if __name__ == "__main__":
    main()
