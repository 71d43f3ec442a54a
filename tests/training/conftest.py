"""Sets of the demo suite, sampled from the tiny agent."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import Dataset

import cb_datasets as cb
from cb_datasets.engines import Engine
from cb_datasets.sets import Sets


@pytest.fixture(scope="session")
def sets(agent: Engine, demo: Dataset, demo_samples: Path) -> Sets:
    part = demo.select(range(0, len(demo), 12))
    return cb.build_sets(part, agent, num_samples=2, eval_fraction=0, journal=demo_samples)
