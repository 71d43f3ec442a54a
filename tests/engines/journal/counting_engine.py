"""An engine without a model: a sample is a hash of its request, and every one made is counted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from cb_datasets.engines import Generation, GenerationRequest, SamplingParams


class CountingEngine:
    """Deterministic in all that should matter, and in nothing else.

    Args:
        identity: Stands for weights, adapter and backend.
        failing: Keys of requests that give an error.
    """

    name = "counting"
    model = "none"
    revision = "r1"
    tokenizer: Any = None

    def __init__(self, identity: str = "a", failing: Iterable[str] = ()) -> None:
        self.identity = identity
        self.failing = set(failing)
        self.made: list[str] = []

    def fingerprint(self) -> str:
        return self.identity

    def generate(
        self, requests: Iterable[GenerationRequest | None], sampling: SamplingParams
    ) -> Iterator[Generation]:
        for request in filter(None, requests):
            self.made.append(request.key)
            if request.key in self.failing:
                yield Generation.failed(request.key, "it was to fail")
                continue
            facts = [
                self.identity,
                asdict(sampling),
                list(request.prompt_token_ids),
                list(request.prefill_token_ids),
                request.seed,
            ]
            ids = list(hashlib.sha256(json.dumps(facts).encode()).digest())
            yield Generation(request.key, ids, f"ż\n{ids}<|eot_id|>", "stop", logprob=-0.5)

    def close(self) -> None:
        pass
