"""What a type checker says to calls with options: nothing, or what the comment beside them names.

Checked by `mypy tests/static_types`: an error that does not come is an unused comment, which is
an error itself.
"""

from __future__ import annotations

from datasets import Dataset

import cb_datasets as cb
from cb_datasets.builders import CircuitBreakerSet, PairsSet
from cb_datasets.engines import Engine


def fine(scenarios: Dataset, engine: Engine) -> None:
    cb.build_sets(scenarios, engine, num_samples=3, hold_out={"category": ["override"]})
    cb.build_sets(scenarios, near_duplicates=None, retain_weights={"answer": 1})
    cb.build_shard(scenarios, engine, "shards/0", "0/2", min_successes=1, max_samples=4)
    cb.build_sets(scenarios, engine, min_pairs=1)
    cb.BatchGenerate(engine, temperature=1, journal="runs/b4", resume="always")
    cb.evaluate(engine, "out", num_samples=5, min_asr=0.0)
    cb.evaluate_episodes(engine, "demo", max_turns=5, min_asr=0.0, journal="runs/b4")
    cb.probe("out", layers=[10, 20])
    CircuitBreakerSet(config_name="demo", min_successes=1)
    PairsSet(min_pairs=1)


def misspelt(scenarios: Dataset, engine: Engine) -> None:
    cb.build_sets(scenarios, engine, num_sample=3)  # type: ignore[call-arg]
    cb.build_shard(scenarios, engine, "shards/0", "0/2", sed=1)  # type: ignore[call-arg]
    cb.BatchGenerate(engine, max_tokens=9)  # type: ignore[call-arg]
    cb.evaluate(engine, "out", min_acr=0.0)  # type: ignore[call-arg]
    cb.evaluate_episodes(engine, "demo", num_samples=5)  # type: ignore[call-arg]
    cb.probe("out", layer=10)  # type: ignore[call-arg]
    CircuitBreakerSet(config_name="demo", min_success=1)  # type: ignore[call-arg]


def of_another_type(scenarios: Dataset, engine: Engine) -> None:
    cb.build_sets(scenarios, engine, num_samples="3")  # type: ignore[arg-type]
    cb.build_sets(scenarios, engine, resume="perhaps")  # type: ignore[arg-type]
    cb.BatchGenerate(engine, journal=3)  # type: ignore[arg-type]
