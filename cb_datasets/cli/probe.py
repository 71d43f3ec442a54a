"""`cb-datasets probe`: whether a model's states of Ds can be told from those of Dr."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cb_datasets.cli.console import FAILED, quiet_libraries, say, say_json, show_markdown, warn
from cb_datasets.cli.engine_options import ModelOptions
from cb_datasets.cli.flags import with_flags
from cb_datasets.cli.output_options import JSONOptions
from cb_datasets.cli.progress import progress
from cb_datasets.errors import ProbeError
from cb_datasets.extras import install_command
from cb_datasets.options import Option
from cb_datasets.probing.options import ProbeOptions

if TYPE_CHECKING:
    from cb_datasets.probing import ProbeReport


class ReportOptions(JSONOptions, total=False):
    """Where to write."""

    attach: Annotated[bool, Option(True, "Put report and picture into the folder and its card.")]


@with_flags(ProbeError)
def probe(
    folder: Annotated[Path, typer.Argument(help="A dataset folder.")],
    *,
    engine: ModelOptions,
    probing: ProbeOptions,
    write: ReportOptions,
) -> None:
    """Probe hidden states, layer by layer; exit 1 if Ds cannot be told from Dr.

    Without --model: the bundled tiny agent, offline.
    """
    from cb_datasets import probing as room
    from cb_datasets.dataset.folder import read_folder
    from cb_datasets.dataset.whole import check_free

    quiet_libraries()
    if write["attach"]:
        check_free(folder, overwrite=True)
    sets = read_folder(folder)
    passes = 1 if probing["generator"] is None else 2
    sides = 2 * len(room.enough_pairs(sets.get("pairs")) or ())
    with progress("rows", passes * (len(sets["ds"]) + len(sets["dr"])) + sides) as done:
        report = room.probe(sets, progress=done, **engine, **probing)
    if write["attach"]:
        _attach(folder, report)
    if write["as_json"]:
        say_json(report.to_dict())
    else:
        show_markdown(report.to_markdown())
        if write["attach"]:
            say(f"attached to: {folder}")
    if not report.separates:
        raise typer.Exit(FAILED)


def _attach(folder: Path, report: ProbeReport) -> None:
    from cb_datasets.dataset.reports import attach_report
    from cb_datasets.evaluation.pictures import can_draw
    from cb_datasets.probing.picture import layers_picture

    pictures = {}
    if can_draw():
        pictures["auroc_by_layer.png"] = layers_picture(report)
    else:
        warn(f"no picture without matplotlib: {install_command('plot')}")
    attach_report(folder, "probe", report.to_dict(), report.to_markdown(), pictures)
