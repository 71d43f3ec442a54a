"""`cb-datasets gate`: the gates over a dataset folder or JSONL files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from typing_extensions import TypedDict

from cb_datasets.cli.console import FAILED, quiet_libraries, say_json, show
from cb_datasets.cli.flags import with_flags
from cb_datasets.cli.option_texts import options_by_name
from cb_datasets.cli.output_options import JSONOptions
from cb_datasets.errors import BuildError, GateError, SourceError
from cb_datasets.judge.named import JudgeOptions
from cb_datasets.options import Option, of_text
from cb_datasets.quoting import reason_of


class RowOptions(TypedDict, total=False):
    """What to read."""

    ds: Annotated[Path | None, Option(None, "Ds as JSONL.")]
    dr: Annotated[Path | None, Option(None, "Dr as JSONL.")]
    tokenizer: Annotated[
        str | None,
        Option(
            None,
            "Model folder or Hub id whose tokenizer the ids are of. Default: the one that the "
            "folder names, where this machine has it; else what needs it is not checked",
        ),
    ]
    evaluation: Annotated[
        Path | None,
        Option(
            None,
            "Report of an evaluation of the generator (JSON). Default: the one attached to the "
            "folder",
        ),
    ]


class ThresholdOptions(TypedDict, total=False):
    """What must be reached."""

    gate_option: Annotated[
        Sequence[str],
        Option(
            (),
            "OPTION=VALUE of a gate, such as max_length_distance=0.8.",
            flag="--gate-option -G",
        ),
    ]


class ReportOptions(JSONOptions, total=False):
    """Where to write."""

    as_markdown: Annotated[bool, Option(False, "Print the report as Markdown.", flag="--markdown")]


@with_flags(BuildError)
def gate(
    folder: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads the annotation at run time on Python 3.10
        typer.Argument(help="A dataset folder.", show_default=False),
    ] = None,
    *,
    read: RowOptions,
    thresholds: ThresholdOptions,
    judging: JudgeOptions,
    write: ReportOptions,
) -> None:
    """Recompute everything from the raw output; exit 1 if a gate fails."""
    from cb_datasets.cli.gate_table import render_report
    from cb_datasets.dataset.folder import read_folder
    from cb_datasets.dataset.gate_inputs import gate_inputs
    from cb_datasets.gates import find_gates, run_gates
    from cb_datasets.models.tokenizer import load_tokenizer

    files = {"ds": read["ds"], "dr": read["dr"]}
    if (folder is None) == (files == {"ds": None, "dr": None}):
        raise BuildError("give either a dataset folder, or --ds and --dr files")
    texts = options_by_name("--gate-option", list(thresholds["gate_option"]), GateError)
    options = of_text(texts, *(gate.options for gate in find_gates()))
    if read["tokenizer"] is not None:
        options["tokenizer"] = load_tokenizer(read["tokenizer"])
    if read["evaluation"] is not None:
        options["evaluation"] = read["evaluation"]
    if judging["judge"] is not None:
        options["judge"] = judging["judge"]
    sets: dict[str, Iterable[Any]]
    if folder is not None:
        quiet_libraries()
        sets = dict(read_folder(folder))
        options = {**gate_inputs(folder), **options}
    else:
        sets = {name: _rows(path) for name, path in files.items() if path is not None}
    report = run_gates(**sets, **options)
    if write["as_json"]:
        say_json(report.to_dict())
    elif write["as_markdown"]:
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
                except (ValueError, RecursionError) as error:
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
