"""The vLLM backend, in this process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from typing_extensions import TypedDict, Unpack

from cb_datasets.engines.backend import Backend
from cb_datasets.engines.protocol import Engine
from cb_datasets.extras import install_command
from cb_datasets.models.hub_options import HubRevision, HubToken
from cb_datasets.models.remote_code import TrustRemoteCode
from cb_datasets.options import Option

DTYPES = ("auto", "float32", "bfloat16", "float16")


class VLLMOptions(TypedDict, total=False):
    """How vLLM runs a model."""

    revision: HubRevision
    trust_remote_code: TrustRemoteCode
    adapter: Annotated[
        str | Path | None,
        Option(
            None,
            "A LoRA adapter, a folder or a Hub id. Records then call the model `model+adapter`.",
        ),
    ]
    dtype: Annotated[str, Option("auto", f"One of {', '.join(DTYPES)}.", choices=DTYPES)]
    quantization: Annotated[
        str | None, Option(None, "A method that vLLM knows, e.g. `fp8` or `bitsandbytes`.")
    ]
    max_model_len: Annotated[
        int | None, Option(None, "Context to make room for; None takes the model's.", ge=1)
    ]
    tensor_parallel_size: Annotated[
        int, Option(1, "GPUs that each layer is spread over.", ge=1, decides_rows=False)
    ]
    pipeline_parallel_size: Annotated[
        int,
        Option(1, "Groups of GPUs that the layers are divided among.", ge=1, decides_rows=False),
    ]
    gpu_memory_utilization: Annotated[
        float, Option(0.9, "Share of each GPU's memory to use.", gt=0, le=1, decides_rows=False)
    ]
    max_num_seqs: Annotated[
        int, Option(256, "Samples that run at a time.", ge=1, decides_rows=False)
    ]
    engine_args: Annotated[
        Mapping[str, Any] | None,
        Option(None, "Further arguments of `vllm.EngineArgs`.", flag=None),
    ]
    token: HubToken


def _make(model: str | Path | None, **options: Unpack[VLLMOptions]) -> Engine:
    from cb_datasets.engines.vllm.engine import VLLMEngine

    return VLLMEngine(model, **options)


BACKEND = Backend(
    name="vllm",
    title="A model in this process, with vLLM: continuous batching, adapters, many GPUs",
    make=_make,
    options=VLLMOptions,
    needs=("vllm",),
    install=install_command("vllm"),
)
