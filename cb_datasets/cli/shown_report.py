"""How `evaluate` ends, of rows or of episodes: the report shown and written, the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cb_datasets.cli.console import FAILED, say, say_json, show_markdown

if TYPE_CHECKING:
    from cb_datasets.evaluation import EpisodeReport, EvalReport


def write_report(report: EvalReport | EpisodeReport, folder: Path) -> None:
    """Write a report into a folder that is there, for people and for programs."""
    (folder / "report.md").write_text(report.to_markdown(), encoding="utf-8")
    text = json.dumps(report.to_dict(), indent=2, ensure_ascii=False)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")


def show_report(report: EvalReport | EpisodeReport, output: Path | None, *, as_json: bool) -> None:
    """Print a report, and where it was written.

    Raises:
        typer.Exit: With 1, where it proves nothing.
    """
    if as_json:
        say_json(report.to_dict())
    else:
        show_markdown(report.to_markdown())
        if output is not None:
            say(f"written: {output}")
    if not report.valid:
        raise typer.Exit(FAILED)
