"""`cb-datasets export`: a dataset in the files that a trainer opens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cb_datasets.cli.console import quiet_libraries, say
from cb_datasets.cli.flags import with_flags
from cb_datasets.cli.option_texts import options_by_name
from cb_datasets.cli.output_options import OverwriteOptions
from cb_datasets.errors import BuildError, FormatError
from cb_datasets.options import Option, of_text


class ExportOptions(OverwriteOptions, total=False):
    """What to write, and where."""

    output: Annotated[
        Path | None,
        Option(None, "The folder of the files. Default: the trainer's name.", flag="--output -o"),
    ]

    tokenizer: Annotated[
        str | None,
        Option(
            None,
            "Model folder or Hub id of the model to be trained, whose tokenizer the ids are of. "
            "Default: the bundled tiny agent's, where it made the folder",
        ),
    ]
    export_option: Annotated[
        Sequence[str],
        Option(
            (),
            "OPTION=VALUE of an export, such as mask=injection_aware.",
            flag="--export-option -X",
        ),
    ]


@with_flags(BuildError)
def export(
    folder: Annotated[str, typer.Argument(help="A dataset folder, or OWNER/NAME on the Hub.")],
    trainer: Annotated[
        str,
        typer.Argument(help="Who is to open it: rrfa, trl_sft and so on; a wrong name lists all."),
    ],
    *,
    options: ExportOptions,
) -> None:
    """Write the files that a trainer opens; rows that fit in none are counted with the reason."""
    from cb_datasets.hub.load import load_sets
    from cb_datasets.training.exports import EXPORTS, trainer_rows

    quiet_libraries()
    texts = options_by_name("--export-option", list(options["export_option"]), FormatError)
    asked = of_text(texts, EXPORTS.find(trainer).options)
    rows = trainer_rows(load_sets(folder), trainer, tokenizer=options["tokenizer"], **asked)
    output = options["output"] or Path(trainer)
    for file, count in rows.save(output, overwrite=options["overwrite"]).items():
        say(f"written: {output / file} ({count} rows)")
    for reason, count in rows.left_out.items():
        say(f"left out: {count} rows: {reason}")
    if rows.cut:
        say(f"longer than the trainer keeps: {rows.cut} rows")
