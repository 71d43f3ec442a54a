"""Engines: prompt token ids in, sampled completions out, whatever runs the model.

Importing this package loads neither torch nor transformers; an engine does when it is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.engines.protocol import (
    Engine,
    Generation,
    GenerationRequest,
    SamplingParams,
    in_order,
)
from cb_datasets.errors import EngineError
from cb_datasets.models.tokenizer import load_tokenizer

if TYPE_CHECKING:
    from cb_datasets.engines.server.engine import ServerEngine
    from cb_datasets.engines.transformers.engine import TransformersEngine
    from cb_datasets.engines.vllm.engine import VLLMEngine

__all__ = [
    "BACKENDS",
    "Engine",
    "Generation",
    "GenerationRequest",
    "SamplingParams",
    "in_order",
    "load_engine",
    "load_tokenizer",
]

BACKENDS = ("transformers", "vllm", "server")
"""Backends that `load_engine` knows."""


def load_engine(
    backend: str = "transformers",
    model: str | Path | None = None,
    *,
    distributed: str | None = None,
    workers: int | None = None,
    gpus_per_worker: float | None = None,
    **options: Any,
) -> Engine:
    """An engine that is known to be able to start: files, tokenizer and device are checked.

    The weights load on the first `generate`.

    Args:
        backend: One of `BACKENDS`.
        model: A model folder, a Hub id, or `None` for the bundled tiny agent.
        distributed: `ray` spreads the samples over copies of the engine; see `RayEngine`.
        workers: With `distributed`, how many copies.
        gpus_per_worker: With `distributed`, the GPUs of each.
        **options: Options of the backend, e.g. those of `TransformersEngine`.

    Raises:
        EngineError: No such backend or option, or the model cannot be used; one sentence.

    Example:
        >>> load_engine("tensorflow")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        cb_datasets.errors.EngineError: Unknown backend 'tensorflow'; known: transformers, vllm, ...
    """
    if backend not in BACKENDS:
        raise EngineError(f"Unknown backend {backend!r}; known: {', '.join(BACKENDS)}.")
    made_by = _engine_class(backend)
    if unknown := sorted(set(options) - set(made_by.OPTIONS)):
        raise EngineError(
            f"The {backend} backend has no option {', '.join(map(repr, unknown))}; "
            f"it has {', '.join(made_by.OPTIONS)}."
        )
    engine = made_by(model, **options)
    engine.check()
    if distributed is None:
        if workers is not None or gpus_per_worker is not None:
            raise EngineError("workers and gpus_per_worker need distributed='ray'.")
        return engine
    if distributed != "ray":
        raise EngineError(f"distributed is {distributed!r}; it must be 'ray' or None.")
    from cb_datasets.engines.ray.engine import RayEngine

    return RayEngine(engine, workers, gpus_per_worker)


def _engine_class(backend: str) -> type[TransformersEngine | VLLMEngine | ServerEngine]:
    if backend == "vllm":
        from cb_datasets.engines.vllm.engine import VLLMEngine

        return VLLMEngine
    if backend == "server":
        from cb_datasets.engines.server.engine import ServerEngine

        return ServerEngine
    from cb_datasets.engines.transformers.engine import TransformersEngine

    return TransformersEngine
