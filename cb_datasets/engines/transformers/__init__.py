"""The transformers backend: a model in this process, with nothing to install beside torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typing_extensions import TypedDict, Unpack

from cb_datasets.engines.backend import Backend
from cb_datasets.engines.protocol import Engine
from cb_datasets.models import DTYPES
from cb_datasets.models.hub_options import HubRevision, HubToken
from cb_datasets.models.remote_code import TrustRemoteCode
from cb_datasets.options import Option


class TransformersOptions(TypedDict, total=False):
    """How transformers runs a model."""

    revision: HubRevision
    trust_remote_code: TrustRemoteCode
    dtype: Annotated[str, Option("auto", f"One of {', '.join(DTYPES)}.", choices=DTYPES)]
    device: Annotated[
        str,
        Option(
            "auto",
            "auto (CUDA, else MPS, else CPU) or a torch device. On auto with several GPUs the "
            "layers are spread over them.",
        ),
    ]
    batch_size: Annotated[
        int,
        Option(
            32,
            "Most samples at a time; halved where memory runs out.",
            ge=1,
            decides_rows=False,
        ),
    ]
    threads: Annotated[
        int | None,
        Option(
            None,
            "Threads that torch computes with on a CPU. Unless given, one for a model of up to 100 "
            "million parameters (where others use the cores too, more are slower), and as many as "
            "torch is set to for a larger one.",
            ge=1,
            decides_rows=False,
        ),
    ]
    load_in_8bit: Annotated[
        bool, Option(False, "Quantise with bitsandbytes (the `quant` extra) to 8 bits.")
    ]
    load_in_4bit: Annotated[bool, Option(False, "The same, to 4 bits.")]
    compile: Annotated[
        bool,
        Option(
            False,
            "Compile the model (`torch.compile`, for any shape): slow at first, worth it for many "
            "samples on a GPU. It may round differently.",
        ),
    ]
    token: HubToken


def _make(model: str | Path | None, **options: Unpack[TransformersOptions]) -> Engine:
    from cb_datasets.engines.transformers.engine import TransformersEngine

    return TransformersEngine(model, **options)


BACKEND = Backend(
    name="transformers",
    title="A model in this process, with transformers, on a CPU or a GPU",
    make=_make,
    options=TransformersOptions,
)
