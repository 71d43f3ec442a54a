"""`cb-datasets probe`: whether a model's states of Ds can be told from those of Dr."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from cb_datasets.cli.console import FAILED, progress, quiet_libraries, say, say_json, warn
from cb_datasets.errors import ProbeError

if TYPE_CHECKING:
    from cb_datasets.probing import ProbeReport


def probe(
    folder: Annotated[Path, typer.Argument(help="A dataset folder.")],
    model: Annotated[
        Optional[str],  # noqa: UP045 - typer reads the annotation at run time on Python 3.10
        typer.Option(help="Model folder or Hub id to probe. Default: the bundled tiny agent"),
    ] = None,
    revision: Annotated[Optional[str], typer.Option(help="Revision of a Hub model.")] = None,  # noqa: UP045
    layers: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Layers, such as 10,20. Default: up to eight over the depth"),
    ] = None,
    generator: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="The model that made the rows, where it is another: likelihoods."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16, ...")] = "auto",
    batch_tokens: Annotated[int, typer.Option(min=1, help="Most tokens in a batch.")] = 8192,
    seed: Annotated[int, typer.Option(help="Decides folds, shuffles and intervals.")] = 0,
    shuffles: Annotated[int, typer.Option(min=1, help="How often labels are shuffled.")] = 20,
    attach: Annotated[
        bool, typer.Option(help="Put report and picture into the folder and its card.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Probe hidden states, layer by layer; exit 1 if Ds cannot be told from Dr.

    Without --model: the bundled tiny agent, offline.
    """
    from cb_datasets import probing
    from cb_datasets.dataset.folder import read_folder

    chosen = _layers(layers)
    quiet_libraries()
    sets = read_folder(folder)
    passes = 1 if generator is None else 2
    with progress("rows", passes * (len(sets["ds"]) + len(sets["dr"]))) as done:
        report = probing.probe(
            sets,
            model,
            revision=revision,
            layers=chosen,
            generator=generator,
            device=device,
            dtype=dtype,
            batch_tokens=batch_tokens,
            seed=seed,
            shuffles=shuffles,
            progress=done,
        )
    if attach:
        _attach(folder, report)
    if as_json:
        say_json(report.to_dict())
    else:
        print(report.to_markdown())
        if attach:
            say(f"attached to: {folder}")
    if not report.separates:
        raise typer.Exit(FAILED)


def _layers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ProbeError(f"--layers {text}: expected numbers, such as 10,20") from None


def _attach(folder: Path, report: ProbeReport) -> None:
    from cb_datasets.dataset.reports import attach_report
    from cb_datasets.evaluation.pictures import can_draw
    from cb_datasets.probing.picture import layers_picture

    pictures = {}
    if can_draw():
        pictures["auroc_by_layer.png"] = layers_picture(report)
    else:
        warn('no picture without matplotlib: pip install "cb_datasets[plot]"')
    attach_report(folder, "probe", report.to_dict(), report.to_markdown(), pictures)
