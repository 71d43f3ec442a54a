"""Engines: prompt token ids in, sampled completions out, whatever runs the model.

Importing this package loads neither torch nor transformers; an engine does when it is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cb_datasets.engines.backend import (
    BACKENDS,
    DEFAULT_BACKEND,
    Backend,
    find_backend,
    list_backends,
)
from cb_datasets.engines.protocol import (
    Engine,
    Generation,
    GenerationRequest,
    SamplingParams,
    in_order,
)
from cb_datasets.errors import EngineError
from cb_datasets.models.tokenizer import load_tokenizer

__all__ = [
    "BACKENDS",
    "Backend",
    "Engine",
    "Generation",
    "GenerationRequest",
    "SamplingParams",
    "find_backend",
    "in_order",
    "list_backends",
    "load_engine",
    "load_tokenizer",
]


def load_engine(
    backend: str = DEFAULT_BACKEND,
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
        backend: One of `list_backends()`.
        model: A model folder, a Hub id, or `None` for the bundled tiny agent.
        distributed: `ray` spreads the samples over copies of the engine; see `RayEngine`.
        workers: With `distributed`, how many copies.
        gpus_per_worker: With `distributed`, the GPUs of each.
        **options: Options of the backend (`find_backend(backend).options`), e.g. those of
            `TransformersEngine`.

    Raises:
        EngineError: No such backend or option, or the model cannot be used; one sentence.

    Example:
        >>> load_engine("tensorflow")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        cb_datasets.errors.EngineError: there is no backend 'tensorflow' (known: server, transf...
    """
    engine = find_backend(backend).engine(model, **options)
    if distributed is None:
        if workers is not None or gpus_per_worker is not None:
            raise EngineError("workers and gpus_per_worker need distributed='ray'.")
        return engine
    if distributed != "ray":
        raise EngineError(f"distributed is {distributed!r}; it must be 'ray' or None.")
    from cb_datasets.engines.ray.engine import RayEngine

    return RayEngine(engine, workers, gpus_per_worker)
