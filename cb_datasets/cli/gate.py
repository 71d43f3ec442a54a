"""`cb-datasets gate`: the gates over a dataset folder or JSONL files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from cb_datasets.cli.console import FAILED, quiet_libraries, say_json, show
from cb_datasets.cli.option_texts import numbers_by_kind
from cb_datasets.errors import BuildError, SourceError
from cb_datasets.quoting import reason_of


def gate(
    folder: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads the annotation at run time on Python 3.10
        typer.Argument(help="A dataset folder.", show_default=False),
    ] = None,
    ds: Annotated[Optional[Path], typer.Option(help="Ds as JSONL.")] = None,  # noqa: UP045
    dr: Annotated[Optional[Path], typer.Option(help="Dr as JSONL.")] = None,  # noqa: UP045
    tokenizer: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="Model folder or Hub id whose tokenizer the ids are of. Default: the bundled tiny "
            "agent's, where it made the folder; else what needs it is not checked"
        ),
    ] = None,
    evaluation: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            help="Report of an evaluation of the generator (JSON). Default: the one attached to "
            "the folder"
        ),
    ] = None,
    option: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--gate-option",
            "-G",
            help="KIND=NUMBER: a threshold, such as max_length_distance=0.8; may be repeated.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the report as Markdown.")
    ] = False,
) -> None:
    """Recompute everything from the raw output; exit 1 if a gate fails."""
    from cb_datasets.dataset.folder import read_folder
    from cb_datasets.dataset.gate_inputs import gate_inputs
    from cb_datasets.gates import run_gates
    from cb_datasets.gates.table import render_report
    from cb_datasets.models.tokenizer import load_tokenizer

    if (folder is None) == (ds is None and dr is None):
        raise BuildError("give either a dataset folder, or --ds and --dr files")
    options: dict[str, Any] = dict(numbers_by_kind("--gate-option", option))
    if tokenizer is not None:
        options["tokenizer"] = load_tokenizer(tokenizer)
    if evaluation is not None:
        options["evaluation"] = evaluation
    sets: dict[str, Iterable[Any]]
    if folder is not None:
        quiet_libraries()
        sets = dict(read_folder(folder))
        options = {**gate_inputs(folder), **options}
    else:
        files = {"ds": ds, "dr": dr}
        sets = {name: _rows(path) for name, path in files.items() if path is not None}
    report = run_gates(**sets, **options)
    if as_json:
        say_json(report.to_dict())
    elif as_markdown:
        print(report.to_markdown())
    else:
        show(render_report(report))
    if not report.passed:
        raise typer.Exit(FAILED)


def _rows(path: Path) -> list[dict[str, Any]]:
    rows = []
    try:
        with open(path, encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise SourceError(
                        f"a JSON object was expected ({reason_of(error)})",
                        file=str(path),
                        line=number,
                    ) from None
                if not isinstance(row, dict):
                    raise SourceError("a JSON object was expected", file=str(path), line=number)
                rows.append(row)
    except UnicodeDecodeError:
        raise SourceError("UTF-8 text was expected", file=str(path)) from None
    except OSError as error:
        raise SourceError(reason_of(error), file=str(path)) from None
    return rows
