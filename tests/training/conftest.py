"""Sets of the demo suite, sampled from the tiny agent."""

from __future__ import annotations

import pytest

import cb_datasets as cb
from cb_datasets.sets import Sets


@pytest.fixture(scope="session")
def sets() -> Sets:
    scenarios = cb.load_source("demo")
    part = scenarios.select(range(0, len(scenarios), 12))
    return cb.build_sets(part, cb.load_engine(), num_samples=2, eval_fraction=0)
