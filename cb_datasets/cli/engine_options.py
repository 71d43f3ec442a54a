"""Options of every command that samples a model: which engine, where, and how it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from cb_datasets.cli.option_texts import options_by_name
from cb_datasets.errors import EngineError
from cb_datasets.options import of_text

if TYPE_CHECKING:
    from pathlib import Path

    from cb_datasets.engines import Engine

# typer reads these at run time, on Python 3.10 too, so that they are no `X | None`.
BackendOption = Annotated[
    str,
    typer.Option(
        "--backend",
        help="Engine that samples: transformers, vllm, server, or one of another package.",
    ),
]
DtypeOption = Annotated[str, typer.Option("--dtype", help="auto, float32, bfloat16, ...")]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, mps.")]
BatchSizeOption = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option("--batch-size", min=1, help="Samples generated at a time; does not change them."),
]
In8BitOption = Annotated[bool, typer.Option("--load-in-8bit", help="Quantise with bitsandbytes.")]
In4BitOption = Annotated[bool, typer.Option("--load-in-4bit", help="Quantise with bitsandbytes.")]
AdapterOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--adapter", help="LoRA adapter, a folder or Hub id (vllm)."),
]
BaseURLOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--base-url", help="Address of an OpenAI-compatible server (server)."),
]
EngineOptions = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--engine-option",
        "-E",
        help="OPTION=VALUE of the backend, such as tensor_parallel_size=2; may be repeated.",
    ),
]
JudgeOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--judge", help="Another judge than the pipeline's, by its name."),
]
DistributedOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--distributed", help="ray: spread the samples over workers of a Ray cluster."),
]
WorkersOption = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--workers",
        min=1,
        help="With --distributed, copies of the engine. Default: one a GPU, or one a node.",
    ),
]


def engine_of(
    backend: str,
    model: str | Path | None,
    *,
    revision: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    batch_size: int | None = None,
    load_in_8bit: bool = False,
    load_in_4bit: bool = False,
    adapter: str | None = None,
    base_url: str | None = None,
    engine_option: list[str] | None = None,
    distributed: str | None = None,
    workers: int | None = None,
) -> Engine:
    """The engine that these options ask for.

    Raises:
        EngineError: There is none such, or an option is given twice.
    """
    from cb_datasets.engines import find_backend, load_engine

    asked: dict[str, Any] = {
        "revision": revision,
        "dtype": dtype if dtype != "auto" else None,
        "device": device if device != "auto" else None,
        "batch_size": batch_size,
        "load_in_8bit": load_in_8bit or None,
        "load_in_4bit": load_in_4bit or None,
        "adapter": adapter,
        "base_url": base_url,
        "distributed": distributed,
        "workers": workers,
    }
    # What is not asked for is left out: not every backend has every option.
    options = {name: value for name, value in asked.items() if value is not None}
    texts = options_by_name("--engine-option", engine_option or [], EngineError)
    further = of_text(texts, find_backend(backend).options)
    if twice := sorted(set(options) & set(further)):
        flag = twice[0].replace("_", "-")
        raise EngineError(f"{twice[0]} is given twice: with --{flag} and with --engine-option.")
    return load_engine(backend, model, **options, **further)
