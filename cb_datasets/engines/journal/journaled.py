"""Generation through a journal: what is there is taken, what is missing is made and kept.

The name of a sample is a hash of all that determines it, so that another prompt, seed, sampling
option, model, adapter or template never finds a sample that is not its own.
"""

from __future__ import annotations

import hashlib
import json
import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from itertools import chain
from typing import Protocol

from cb_datasets.engines.protocol import (
    Engine,
    Generation,
    GenerationRequest,
    SamplingParams,
    distinct,
)


class Samples(Protocol):
    """Finished samples by name: a `Journal`, or `SampleMemory`."""

    def get(self, sample: str) -> Generation | None:
        """A finished sample, or `None`."""

    def add(self, sample: str, generation: Generation) -> None:
        """Keep a finished sample."""

    def flush(self) -> None:
        """Return when every sample that was added is safe."""


class SampleMemory(dict[str, Generation]):
    """Finished samples in this process only."""

    def add(self, sample: str, generation: Generation) -> None:
        """Keep a finished sample."""
        self[sample] = generation

    def flush(self) -> None:
        """Nothing to do."""


def sample_id(request: GenerationRequest, sampling: SamplingParams, made_by: str) -> str:
    """The name of a sample.

    Args:
        request: Its prompt, prefill, seed and template count, its key does not.
        sampling: All options count.
        made_by: See `made_by`.
    """
    facts = {
        "made_by": made_by,
        "seed": request.seed,
        "template": request.template_hash,
        "prompt": len(request.prompt_token_ids),
        **asdict(sampling),
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    ids = array("q", [*request.prompt_token_ids, *request.prefill_token_ids])
    if sys.byteorder == "big":
        ids.byteswap()
    digest.update(ids.tobytes())
    return digest.hexdigest()


def made_by(engine: Engine) -> str:
    """What, beside requests and sampling options, determines an engine's samples, as text."""
    return json.dumps([engine.fingerprint(), engine.model, engine.revision])


def generate_journaled(
    engine: Engine,
    requests: Iterable[GenerationRequest | None],
    sampling: SamplingParams,
    journal: Samples,
) -> Iterator[Generation]:
    """What `engine.generate` gives, each sample from the journal where it is there.

    A new sample is in the journal before it comes out. Errors are not kept: what failed is tried
    again the next time. Where nothing is missing, no model is loaded.

    Args:
        engine: Makes the samples that are missing.
        requests: See `Engine.generate`.
        sampling: See `Engine.generate`.
        journal: Where they are kept.
    """
    maker = made_by(engine)
    known: list[Generation] = []
    names: dict[str, str] = {}

    def missing() -> Iterator[GenerationRequest | None]:
        for request in distinct(requests):
            if request is None:
                yield None
                continue
            name = sample_id(request, sampling, maker)
            generation = journal.get(name)
            if generation is not None:
                known.append(replace(generation, key=request.key, kept=True))
            else:
                names[request.key] = name
                yield request

    stream = missing()
    try:
        for first in stream:
            begun = () if first is None else engine.generate(chain([first], stream), sampling)
            for generation in begun:
                if generation.finish_reason != "error":
                    journal.add(names[generation.key], generation)
                del names[generation.key]
                yield generation
                while known:
                    yield known.pop()
            while known:
                yield known.pop()
        yield from known
    finally:
        journal.flush()
