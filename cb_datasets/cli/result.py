"""How the commands that make a dataset end: what was made, gates, the folder, what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.cli.console import say, show
from cb_datasets.cli.next_commands import after_a_build, after_a_dry_run, after_one_set
from cb_datasets.errors import BuildError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from cb_datasets.gates import GateReport
    from cb_datasets.sets import Sets


def check_jsonl(target: Path) -> None:
    """Refuse an output that is no name of a JSON Lines file."""
    if target.suffix != ".jsonl":
        raise BuildError(
            f"{target}: one set alone is written as JSON Lines, expected a name that ends in "
            ".jsonl; `build` writes folders"
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """The flags that a build was given: those of its engine, and the others but for its output."""

    engine: Sequence[str]
    others: Sequence[str]


def finish(
    sets: Sets,
    inputs: list[dict[str, Any]],
    target: Path,
    *,
    tokenizer: PreTrainedTokenizerBase | None,
    overwrite: bool,
    only: str | None = None,
    dry_run: bool = False,
    from_journal: int = 0,
    asked: Asked | None = None,
) -> bool:
    """Write the sets, print what they are and what to do next; return whether the gates passed.

    Args:
        sets: The sets.
        inputs: What was read, from `ReadReport.to_dict()`.
        target: The folder to write, or the file of the one set.
        tokenizer: That of the sets' token ids, for the gates; None where they hold none.
        overwrite: Replace a folder that is there.
        only: The set to check and write alone, as JSON Lines.
        dry_run: Write nothing.
        from_journal: How many of the samples were in a journal already.
        asked: How the build was asked for; None where it was merged.
    """
    from cb_datasets.cli.gate_table import render_report
    from cb_datasets.cli.set_table import set_table
    from cb_datasets.dataset.folder import CONFIGS, write_folder
    from cb_datasets.dataset.gate_inputs import recorded_judge
    from cb_datasets.dataset.jsonl import export_jsonl
    from cb_datasets.gates import run_gates

    names = tuple(CONFIGS) if only is None else (only,)
    given: dict[str, Any] = {"tokenizer": tokenizer, **recorded_judge(sets.facts)}
    report = run_gates(**{name: getattr(sets, name) for name in names}, **given)
    written = f"written: {target}"
    if dry_run:
        written = "dry run: nothing was written"
    elif only is not None:
        rows = export_jsonl(getattr(sets, only), target, overwrite=overwrite)
        written = f"written: {target}, {rows} rows"
    else:
        write_folder(sets, target, inputs=inputs, gates=report, overwrite=overwrite)
    stats = sets.stats()
    _print_made(inputs, stats, sets.facts.get("options", {}), from_journal)
    show()
    show(set_table(sets, stats))
    for advice in stats["retain"]["advice"]:
        say(advice)
    show()
    show(render_report(report))
    show()
    say(written)
    say("next:")
    for command in _next(sets, report, target, only, dry_run=dry_run, asked=asked):
        say(f"  {command}")
    return report.passed


def _next(
    sets: Sets,
    report: GateReport,
    target: Path,
    only: str | None,
    *,
    dry_run: bool,
    asked: Asked | None,
) -> list[str]:
    words = [] if asked is None else [*asked.others, *asked.engine]
    if dry_run:
        return after_a_dry_run(target, only, words)
    if only is not None:
        return after_one_set(target, only, words)
    return after_a_build(sets, report, target, None if asked is None else asked.engine)


def _limited(report: dict[str, Any]) -> str:
    return f" of which {report['limited_to']} were tried" if "limited_to" in report else ""


def _print_made(
    inputs: list[dict[str, Any]], stats: dict[str, Any], options: dict[str, Any], from_journal: int
) -> None:
    for report in inputs:
        # The demo suite is made, not read.
        made = report["scenarios"] and not report["lines"]
        read = "" if made else f"{report['lines']} lines read, {report['rows']} records, "
        say(
            f"{report['source']}: {read}"
            f"{report['scenarios']} scenarios{_limited(report)}, "
            f"{sum(report['skipped'].values())} rows skipped, {len(report['repeated'])} repeated, "
            f"{len(report['renamed'])} renamed, {len(report['malformed'])} malformed"
        )
    if stats["sampling"]:
        from cb_datasets.dataset.card import sampling_text

        found = f"; {from_journal} of them came from the journal" if from_journal else ""
        say(f"sampled: {sampling_text(stats['sampling'], options)}{found}")
