"""`cb-datasets report`: a dataset folder as one page to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cb_datasets.cli.console import quiet_libraries, say


def report(
    folder: Annotated[
        Path, typer.Argument(help="A dataset folder, or OWNER/NAME[@REVISION] on the Hub.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write.")] = Path(
        "report.html"
    ),
    max_records: Annotated[
        int, typer.Option(min=1, help="Records to look at in the page; figures are of all.")
    ] = 5000,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there.")
    ] = False,
) -> None:
    """Write one self-contained HTML page: figures, gates, reports and a browser of records."""
    from cb_datasets.report_page import report as write_report

    quiet_libraries()
    written = write_report(folder, output, max_records=max_records, overwrite=overwrite)
    say(f"written: {written}")
