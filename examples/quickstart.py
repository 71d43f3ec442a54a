"""From scenarios to gated sets in Python: the demo suite, the bundled tiny agent, no network.

Run it as it is: python examples/quickstart.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from datasets import load_dataset

import cb_datasets as cb


def main() -> None:
    scenarios = cb.load_source("demo").select(range(120))
    engine = cb.load_engine("transformers")
    sets = cb.build_sets(scenarios, engine, num_samples=2)
    report = cb.run_gates(ds=sets.ds, dr=sets.dr, eval=sets.eval)
    print(report.to_markdown())

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "my-dataset")
        sets.save(folder)
        row = load_dataset(str(folder), "ds", split="train")[0]
        print(row["assistant_raw"], row["labels"]["harm_type"], sep="\n")
        print(cb.parse_completion(row["assistant_raw"]).calls)


if __name__ == "__main__":
    main()
