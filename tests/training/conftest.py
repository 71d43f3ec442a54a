"""Sets of the demo suite, sampled from the tiny agent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset

import cb_datasets as cb
from cb_datasets.assets import tiny_agent_path
from cb_datasets.engines import Engine
from cb_datasets.sets import Sets


@pytest.fixture(scope="session")
def sets(agent: Engine, demo: Dataset, demo_samples: Path) -> Sets:
    part = demo.select(range(0, len(demo), 12))
    return cb.build_sets(part, agent, num_samples=2, eval_fraction=0, journal=demo_samples)


@pytest.fixture(scope="session")
def model() -> Any:
    """The tiny agent's weights, for trainers to copy."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_agent_path(), dtype=torch.float32)
