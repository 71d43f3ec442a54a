"""Rows of Ds for the tokens they cost: a fixed number of samples next to sampling until enough.

Both builds of the demo suite take their samples from one journal, since a sample is the same in
either. Usage: adaptive_sampling.py [transformers|vllm] [--samples 5] [--enough 1] [--most 8]
"""

from __future__ import annotations

import argparse
import tempfile

import cb_datasets as cb


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backend", nargs="?", default="transformers")
    parser.add_argument("--samples", type=int, default=5, help="of the fixed build")
    parser.add_argument("--enough", type=int, default=1, help="min_successes")
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
    }
    with tempfile.TemporaryDirectory() as journal:
        made = {
            name: cb.build_sets(scenarios, engine, journal=journal, **options)
            for name, options in builds.items()
        }
    print(f"{len(scenarios)} scenarios, {arguments.backend}")
    print(f"{'':24} {'samples':>8} {'tokens':>8} {'Ds':>6} {'Dr':>6} {'tokens a Ds row':>16}")
    for name, sets in made.items():
        cost, ds = sets.facts["sampling"], len(sets.ds)
        each = cost["tokens"] / ds if ds else float("inf")
        print(
            f"{name:24} {cost['samples']:8} {cost['tokens']:8} {ds:6} {len(sets.dr):6} {each:16.1f}"
        )
    first, second = made.values()
    share = second.facts["sampling"]["tokens"] / first.facts["sampling"]["tokens"]
    rows = f"{len(second.ds)} rows of Ds for {len(first.ds)}"
    print(f"{share:.2f} of the tokens of the fixed number, {rows}")


if __name__ == "__main__":
    main()
