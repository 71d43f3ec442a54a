"""The engine of the tiny random Llama, and requests for it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from cb_datasets.engines import GenerationRequest
from cb_datasets.engines.transformers.engine import TransformersEngine


@pytest.fixture(scope="session")
def engine(model_folder: Path) -> TransformersEngine:
    return TransformersEngine(model_folder, device="cpu")


@pytest.fixture(scope="session")
def make_requests() -> Callable[..., list[GenerationRequest]]:
    """Requests with prompts of 3 to 30 tokens, five samples each."""

    def make(count: int) -> list[GenerationRequest]:
        rng = random.Random(0)
        prompts = [
            [0, *(rng.randrange(10, 300) for _ in range(rng.randint(2, 29)))]
            for _ in range(-(-count // 5))
        ]
        return [
            GenerationRequest(
                key=f"p{i // 5}#sample{i % 5}", prompt_token_ids=prompts[i // 5], seed=i
            )
            for i in range(count)
        ]

    return make
