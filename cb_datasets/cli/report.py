"""`cb-datasets report`: a dataset folder as one page to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cb_datasets.cli.console import quiet_libraries, say
from cb_datasets.cli.flags import with_flags
from cb_datasets.cli.output_options import OverwriteOptions
from cb_datasets.errors import BuildError
from cb_datasets.options import Option


class PageOptions(OverwriteOptions, total=False):
    """Where to write."""

    output: Annotated[
        Path, Option(Path("report.html"), "The HTML file to write.", flag="--output -o")
    ]
    max_records: Annotated[
        int, Option(5000, "Records to look at in the page; figures are of all.", ge=1)
    ]
    tokenizer: Annotated[
        str | None,
        Option(
            None,
            "The tokenizer of the token ids, a folder or Hub id, to show tokens with; None takes "
            "the one that the folder names, where it is on this machine.",
        ),
    ]


@with_flags(BuildError)
def report(
    folder: Annotated[
        Path,
        typer.Argument(help="A dataset folder, or OWNER/NAME or OWNER/NAME@REVISION on the Hub."),
    ],
    *,
    page: PageOptions,
) -> None:
    """Write one self-contained HTML page: figures, gates, reports and a browser of records."""
    from cb_datasets.report_page import report as write_report

    quiet_libraries()
    written = write_report(
        folder,
        page["output"],
        max_records=page["max_records"],
        tokenizer=page["tokenizer"],
        overwrite=page["overwrite"],
    )
    say(f"written: {written}")
