"""`cb-datasets merge`: the shards of a build to the folder that it would have made in one piece."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cb_datasets.cli.console import FAILED, quiet_libraries
from cb_datasets.cli.flags import with_flags
from cb_datasets.cli.output_options import OverwriteOptions
from cb_datasets.cli.result import finish
from cb_datasets.errors import BuildError


@with_flags(BuildError)
def merge(
    folder: Annotated[Path, typer.Argument(help="Folder to write.")],
    shards: Annotated[
        list[Path], typer.Argument(help="Folders that build --shard wrote, in any order.")
    ],
    *,
    write: OverwriteOptions,
) -> None:
    """Make one dataset folder of all shards of a build: what the build makes in one piece."""
    from cb_datasets.dataset.whole import reserved
    from cb_datasets.sets import shards as rooms

    quiet_libraries()
    with reserved(folder, overwrite=write["overwrite"]):
        checked = rooms.checked_shards(shards)
        inputs = list(checked[0].build["inputs"])
        state = checked[0].tokenizer()
        tokenizer = None if state is None else state.restore()
        sets = rooms.merge(checked)
        passed = finish(sets, inputs, folder, tokenizer=tokenizer, overwrite=write["overwrite"])
    if not passed:
        raise typer.Exit(FAILED)
