"""From model files to a model on a device, in the precision that suits it.

Device, dtype and quantisation are decided here, before loading, so that they can be part of an
engine's fingerprint without a model in memory.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    GenerationConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from cb_datasets.errors import EngineError
from cb_datasets.extras import install_command
from cb_datasets.models import DTYPES
from cb_datasets.models.files import ModelFiles
from cb_datasets.models.precision import SMALL_MODEL_PARAMETERS, cpu_multiplies_bfloat16
from cb_datasets.models.remote_code import cannot_be_loaded, check_own_code
from cb_datasets.models.threads import torch_threads, use_one_thread_in_a_fork
from cb_datasets.models.tokenizer import end_token_ids

Quantization = Literal["8bit", "4bit"]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and how a model runs.

    Args:
        device: A torch device, e.g. `cpu` or `cuda:0`.
        dtype: Name of a torch dtype; of a quantised model, the one it computes in.
        quantization: `8bit`, `4bit` or `None`.
        spread: Lay the model's layers over all GPUs.
        threads: With how many threads it computes on a CPU; `None` is as many as torch is set to.
    """

    device: str
    dtype: str
    quantization: Quantization | None = None
    spread: bool = False
    threads: int | None = None


def read_config(files: ModelFiles) -> PreTrainedConfig:
    """The model's configuration.

    Raises:
        EngineError: transformers does not know the architecture, or the config is broken.
    """
    check_own_code(files)
    try:
        config = AutoConfig.from_pretrained(
            files.folder, local_files_only=True, trust_remote_code=files.trust_remote_code
        )
    except Exception as error:  # a config decides what it is read with, and that fails as it likes
        raise cannot_be_loaded(
            f"The config of {files.name!r} cannot be read", files, error
        ) from error
    if not isinstance(config, PreTrainedConfig):
        raise EngineError(f"The config of {files.name!r} is no transformers config.")
    return config


def place(
    files: ModelFiles,
    *,
    dtype: str,
    device: str,
    quantization: Quantization | None,
    threads: int | None = None,
) -> Placement:
    """Decide device, dtype and threads; nothing is loaded.

    With `auto`, the device is CUDA, else MPS, else the CPU, and the dtype is the checkpoint's on
    an accelerator, and on a CPU float32 unless the checkpoint is in bfloat16 and the CPU has tiles
    for that (AMX). Small models (`SMALL_MODEL_PARAMETERS`) run in float64,
    on the CPU rather than on MPS, which has no float64. On the CPU they compute with one thread,
    unless `threads` is given.

    Raises:
        EngineError: A device that is not there, or quantisation without bitsandbytes.
    """
    config = read_config(files)
    if quantization and importlib.util.find_spec("bitsandbytes") is None:
        raise EngineError(
            f"Loading in {quantization} needs bitsandbytes: {install_command('quant')} "
            "(or load without quantisation)."
        )
    small = quantization is None and is_small(files)
    kind = _device(device, small=small and dtype in ("auto", "float64"))
    if dtype == "auto":
        dtype = _auto_dtype(config, torch.device(kind).type, small, quantization)
    elif dtype == "float64" and torch.device(kind).type == "mps":
        raise EngineError("MPS has no float64; use device='cpu' or dtype='float32'.")
    spread = device == "auto" and kind == "cuda" and not small and torch.cuda.device_count() > 1
    if torch.device(kind).type != "cpu":
        threads = None
    elif small and threads is None:
        threads = 1
    return Placement(kind, dtype, quantization, spread, threads)


def load_model(files: ModelFiles, placement: Placement) -> PreTrainedModel:
    """The model in memory, in evaluation mode, with a blank generation config.

    Raises:
        EngineError: The weights are broken, do not fit the config, or do not fit in memory.
    """
    use_one_thread_in_a_fork()
    options: dict[str, Any] = {"dtype": getattr(torch, placement.dtype)}
    if placement.quantization:
        options["quantization_config"] = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_8bit=placement.quantization == "8bit",
            load_in_4bit=placement.quantization == "4bit",
            bnb_4bit_compute_dtype=options["dtype"],
        )
    options["device_map"] = "auto" if placement.spread else {"": placement.device}
    try:
        with (
            torch_threads(placement.threads),
            _bar_on_terminals_only(),
            torch.random.fork_rng(devices=[]),
        ):
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                files.folder,
                local_files_only=True,
                trust_remote_code=files.trust_remote_code,
                output_loading_info=True,
                **options,
            )
    except Exception as error:  # safetensors, torch and transformers each raise their own
        raise cannot_be_loaded(
            f"The model {files.name!r} cannot be loaded", files, error
        ) from error
    model: PreTrainedModel = loaded[0]
    info: dict[str, Any] = loaded[1]
    # Transformers fills weights that are not in the file with random numbers and only warns.
    if absent := sorted({*info["missing_keys"], *(str(k[0]) for k in info["mismatched_keys"])}):
        more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
        raise EngineError(
            f"The weights of {files.name!r} do not fit its config: "
            f"{', '.join(absent[:3])}{more} are missing or have another shape."
        )
    # A model's own generation config carries penalties, forced tokens and length limits, which
    # `generate` would merge into ours.
    model.generation_config = GenerationConfig()  # type: ignore[no-untyped-call]
    model.eval()  # type: ignore[no-untyped-call]
    return model


def stop_token_ids(files: ModelFiles, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Where a model stops: the end tokens of the format, and those that it names itself.

    The latter stand in its generation config or its config.
    """
    found = end_token_ids(tokenizer)
    try:
        sources: list[Any] = [GenerationConfig.from_pretrained(files.folder, local_files_only=True)]
    except (OSError, ValueError, RecursionError):
        sources = []
    for source in [*sources, read_config(files)]:
        ids = getattr(source, "eos_token_id", None)
        found.update([ids] if isinstance(ids, int) else ids or [])
    return sorted(found)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whatever device."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "can't allocate memory" in text
    )


def is_small(files: ModelFiles) -> bool:
    """Whether a model has no more than `SMALL_MODEL_PARAMETERS`.

    Raises:
        EngineError: Its config describes none.
    """
    config = read_config(files)
    try:
        with torch.device("meta"):
            model: PreTrainedModel = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
                config, trust_remote_code=files.trust_remote_code
            )
    except Exception as error:  # architectures check what they are given, each in its own way
        raise cannot_be_loaded(
            f"The config of {files.name!r} makes no causal language model", files, error
        ) from error
    return int(model.num_parameters()) <= SMALL_MODEL_PARAMETERS


def _device(device: str, *, small: bool) -> str:
    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() and not small else "cpu"
    try:
        kind = torch.device(device)
    except RuntimeError as error:
        raise EngineError(f"There is no device {device!r}; use auto, cpu, cuda or mps.") from error
    if kind.type == "cuda":
        if not torch.cuda.is_available():
            raise EngineError("CUDA was asked for, but this machine's torch sees no CUDA device.")
        if (kind.index or 0) >= torch.cuda.device_count():
            raise EngineError(f"There is no {device!r}; {torch.cuda.device_count()} CUDA devices.")
    if kind.type == "mps" and not torch.backends.mps.is_available():
        raise EngineError("MPS was asked for, but this machine has none.")
    return device


def _auto_dtype(
    config: PreTrainedConfig, kind: str, small: bool, quantization: Quantization | None
) -> str:
    if small and kind != "mps":
        return "float64"
    stored = str(getattr(config, "dtype", None) or "bfloat16").removeprefix("torch.")
    if kind == "cpu":
        return "bfloat16" if stored == "bfloat16" and cpu_multiplies_bfloat16() else "float32"
    if quantization and stored == "float32":
        return "bfloat16"
    return stored if stored in DTYPES else "bfloat16"


@contextmanager
def _bar_on_terminals_only() -> Iterator[None]:
    if sys.stderr.isatty() or not transformers_logging.is_progress_bar_enabled():
        yield
        return
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
