"""Time per character of hostile input, at growing lengths: flat where the parser is linear.

    python -m tests.benchmarks.parse_linear

Prints the units whose time per character grows most from 60 kB to 960 kB (1.0 is linear, 16 is
quadratic).
"""

from __future__ import annotations

import sys

from cb_datasets.formats import parse_completion
from tests.benchmarks.timing import cpu_seconds
from tests.formats.llama31.repeated_units import REPEATED

SIZES = (60_000, 960_000)
SHOWN = 10


def main() -> int:
    growth = []
    for head in ("", "<|python_tag|>"):
        for unit in REPEATED:
            texts = [head + unit * (size // len(unit)) for size in SIZES]
            best = cpu_seconds(
                {str(len(text)): lambda text=text: parse_completion(text) for text in texts}, 3
            )
            short, long = (1e9 * best[str(len(text))] / len(text) for text in texts)
            growth.append((long / max(short, 1e-3), short, long, head + unit))
    print("growth  ns/char at 60 kB  at 960 kB  unit")
    for factor, short, long, unit in sorted(growth, reverse=True)[:SHOWN]:
        print(f"{factor:6.2f} {short:17.1f} {long:10.1f}  {unit!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
