"""What is said to vLLM itself: how it is started, given a request, and stopped.

vLLM is imported when the functions run. Everything that depends on its version is here and in
`vllm_sampler`.
"""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from cb_datasets.engines.protocol import GenerationRequest, SamplingParams
from cb_datasets.engines.vllm import VLLMOptions
from cb_datasets.models.adapter import Adapter
from cb_datasets.models.files import ModelFiles
from cb_datasets.models.remote_code import cannot_be_loaded

SMALL_CACHE_BYTES = 2**30
"""Memory for keys and values on a CPU, for a model that is small enough to need no more."""

_LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)


def start_engine(
    files: ModelFiles,
    adapter: Adapter | None,
    options: VLLMOptions,
    *,
    dtype: str,
    small: bool,
) -> Any:
    """A running `LLMEngine`.

    On GPUs vLLM's scheduler has a process of its own, which goes on while finished samples are
    dealt with here. On a CPU, where that would take a core from the model, it runs in this one.

    Raises:
        EngineError: vLLM cannot start with this model or these options.
    """
    on_cpu = not torch.cuda.is_available()
    arguments: dict[str, Any] = {
        "model": str(files.folder),
        "trust_remote_code": files.trust_remote_code,
        "dtype": dtype,
        "quantization": options["quantization"],
        "max_model_len": options["max_model_len"],
        "tensor_parallel_size": options["tensor_parallel_size"],
        "pipeline_parallel_size": options["pipeline_parallel_size"],
        "gpu_memory_utilization": options["gpu_memory_utilization"],
        "max_num_seqs": options["max_num_seqs"],
        "enable_prefix_caching": True,
        # Ids go in and come out; a model's own sampling defaults stay out of it.
        "skip_tokenizer_init": True,
        "generation_config": "vllm",
        "logits_processors": ["cb_datasets.engines.vllm.sampler:SeededChoice"],
        "disable_log_stats": True,
    }
    if adapter is not None:
        arguments["enable_lora"] = True
        arguments["max_lora_rank"] = next((r for r in _LORA_RANKS if r >= adapter.rank), None)
    if on_cpu and small and not os.environ.get("VLLM_CPU_KVCACHE_SPACE"):
        arguments["kv_cache_memory_bytes"] = SMALL_CACHE_BYTES
    if on_cpu:
        # Compiling takes longer than it saves there.
        arguments["enforce_eager"] = True
    arguments.update(options["engine_args"] or {})
    settings = {
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "VLLM_LOGGING_STREAM": "ext://sys.stderr",
        # Its second runner takes no logits processor of this kind.
        "VLLM_USE_V2_MODEL_RUNNER": "0",
    }
    if on_cpu:
        settings["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        # Whatever else this process computes is not to be bound to one core.
        settings["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
    try:
        with _environment(settings), _random_states_kept():
            from vllm.engine.arg_utils import EngineArgs
            from vllm.v1.engine.llm_engine import LLMEngine

            return LLMEngine.from_engine_args(EngineArgs(**arguments))
    except Exception as error:  # vLLM raises whatever its layers raise
        raise cannot_be_loaded(
            f"vLLM cannot start with the model {files.name!r}", files, error
        ) from error


def add_request(
    engine: Any,
    number: str,
    request: GenerationRequest,
    sampling: SamplingParams,
    *,
    max_tokens: int,
    stop_token_ids: list[int],
    broken_token_id: int,
    adapter: Adapter | None,
) -> None:
    """Put a request into an engine's queue."""
    from vllm import SamplingParams as VLLMSamplingParams
    from vllm.inputs.engine import tokens_input
    from vllm.lora.request import LoRARequest
    from vllm.sampling_params import RequestOutputKind

    from cb_datasets.engines.vllm.sampler import EXTRA, SampleSpec

    spec = SampleSpec(request.seed, sampling, broken_token_id)
    engine.add_request(
        number,
        tokens_input([*request.prompt_token_ids, *request.prefill_token_ids]),
        VLLMSamplingParams(
            temperature=0,
            max_tokens=max_tokens,
            stop_token_ids=[*stop_token_ids, broken_token_id],
            logprobs=0 if sampling.logprob else None,
            detokenize=False,
            skip_special_tokens=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
            extra_args={EXTRA: spec.to_dict()},
        ),
        lora_request=LoRARequest(adapter.name, 1, str(adapter.folder)) if adapter else None,
    )


def stop_engine(engine: Any) -> None:
    """Free what an engine holds, its processes included."""
    from vllm.distributed.parallel_state import cleanup_dist_env_and_memory

    engine.engine_core.shutdown()
    del engine
    cleanup_dist_env_and_memory()
    gc.collect()


@contextmanager
def _random_states_kept() -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    """Environment variables for what is started inside; those that are set already stay."""
    added = [name for name in settings if name not in os.environ]
    os.environ.update({name: settings[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
