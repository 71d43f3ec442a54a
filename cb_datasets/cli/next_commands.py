"""What to do next, as commands that work when they are pasted."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cb_datasets.gates import FailingRow, GateReport
    from cb_datasets.sets import Sets

_SETS = ("ds", "dr", "eval")
"""Those that have a command of their own."""


def command_line(*words: object) -> str:
    """A command of this library, as a shell takes it.

    Example:
        >>> command_line("preview", Path("my set"), "--config", "ds")
        "cb-datasets preview 'my set' --config ds"
    """
    return shlex.join(["cb-datasets", *map(str, words)])


def after_a_dry_run(target: Path, only: str | None, asked: Iterable[str]) -> list[str]:
    """The build itself, and a look at it.

    Args:
        target: What it writes.
        only: The set that is written alone.
        asked: The flags that the dry run was given, but for the output and `--dry-run`.
    """
    if only is not None:
        words = [only] if only in _SETS else ["build", "--only", only]
        return [command_line(*words, target, *asked)]
    return [command_line("build", target, *asked), command_line("preview", target)]


def after_one_set(target: Path, only: str, asked: Iterable[str]) -> list[str]:
    """The sets that are still missing beside this one; the gates where none is."""
    files = {name: target.with_name(f"{name}.jsonl") for name in _SETS} | {only: target}
    words = list(asked)
    missing = [name for name, file in files.items() if not file.exists()]
    if missing:
        return [command_line(name, files[name], *words) for name in missing]
    return [command_line("gate", "--ds", files["ds"], "--dr", files["dr"])]


def after_a_build(
    sets: Sets, report: GateReport, folder: Path, engine: Iterable[str] | None
) -> list[str]:
    """A look at what is wrong, or at what the model does with the eval set; and the page.

    Args:
        sets: What was built.
        report: Its gates.
        folder: Where it is.
        engine: The flags of the engine that sampled it; None where they are not known.
    """
    page = folder.with_name(f"{folder.name}.html")
    again = ["--overwrite"] if page.exists() else []
    second = command_line("report", folder, "--output", page, *again)
    if (row := _first_failing(sets, report)) is not None:
        return [command_line("preview", folder, "--config", row.set, "--id", row.id), second]
    sampled = (sets.facts.get("sampling") or {}).get("samples")
    if report.passed and engine is not None and sampled and len(sets.eval):
        return [command_line("evaluate", folder, *engine), second]
    full = [name for name in (*_SETS, "rejected") if len(getattr(sets, name))]
    chosen = full if report.passed else full[::-1]
    return [*(command_line("preview", folder, "--config", name) for name in chosen[:1]), second]


def _first_failing(sets: Sets, report: GateReport) -> FailingRow | None:
    """The first row that a failed gate names and that can be found by its name."""
    ids = {name: set(getattr(sets, name)["id"]) for name in (*_SETS, "pairs")}
    failed = (result for result in report.results.values() if not result.passed)
    rows = (row for result in failed for row in result.failing)
    return next((row for row in rows if row.id in ids.get(row.set, ())), None)
