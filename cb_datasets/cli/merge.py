"""`cb-datasets merge`: the shards of a build to the folder that it would have made in one piece."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cb_datasets.cli.console import FAILED, quiet_libraries
from cb_datasets.cli.result import finish


def merge(
    folder: Annotated[Path, typer.Argument(help="Folder to write.")],
    shards: Annotated[
        list[Path], typer.Argument(help="Folders that build --shard wrote, in any order.")
    ],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a folder that is there.")
    ] = False,
) -> None:
    """Make one dataset folder of all shards of a build: what the build makes in one piece."""
    from cb_datasets.dataset.whole import check_free

    check_free(folder, overwrite=overwrite)

    from cb_datasets.sets import shards as rooms

    quiet_libraries()
    checked = rooms.checked_shards(shards)
    inputs = list(checked[0].build["inputs"])
    tokenizer = checked[0].tokenizer().restore()
    if not finish(rooms.merge(checked), inputs, folder, tokenizer=tokenizer, overwrite=overwrite):
        raise typer.Exit(FAILED)
