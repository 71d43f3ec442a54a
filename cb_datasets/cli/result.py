"""How the commands that make a dataset end: statistics, gates, the folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.cli.console import OUT

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from cb_datasets.sets import Sets


def finish(
    sets: Sets,
    inputs: list[dict[str, Any]],
    target: Path | None,
    *,
    tokenizer: PreTrainedTokenizerBase,
    overwrite: bool,
) -> bool:
    """Print what the sets are, write them, and return whether the gates passed.

    Args:
        sets: The sets.
        inputs: What was read, from `ReadReport.to_dict()`.
        target: The folder to write; None for a dry run.
        tokenizer: That of the sets' token ids, for the gates.
        overwrite: Replace a folder that is there.
    """
    from cb_datasets.gates import run_gates
    from cb_datasets.gates.table import render_report
    from cb_datasets.hub.folder import write_folder

    report = run_gates(
        ds=sets.ds, dr=sets.dr, eval=sets.eval, rejected=sets.rejected, tokenizer=tokenizer
    )
    _print_stats(inputs, sets.stats(), sets.facts.get("options", {}))
    OUT.print(render_report(report))
    if target is None:
        OUT.print("dry run: nothing was written")
    else:
        write_folder(sets, target, inputs=inputs, gates=report, overwrite=overwrite)
        OUT.print(f"written: {target}", markup=False, highlight=False)
    return report.passed


def _print_stats(
    inputs: list[dict[str, Any]], stats: dict[str, Any], options: dict[str, Any]
) -> None:
    for report in inputs:
        OUT.print(
            f"{report['source']}: {report['lines']} lines read, {report['rows']} records, "
            f"{report['scenarios']} scenarios, {sum(report['skipped'].values())} rows skipped, "
            f"{len(report['repeated'])} repeated, {len(report['malformed'])} malformed",
            markup=False,
            highlight=False,
        )
    if stats["sampling"]:
        from cb_datasets.hub.card import sampling_text

        OUT.print(f"sampled: {sampling_text(stats['sampling'], options)}", markup=False)
    for name in ("ds", "dr", "eval", "rejected"):
        counts = stats[name]
        key = {"ds": "by_category", "dr": "by_kind", "eval": "by_kind", "rejected": "by_reason"}
        shown = ", ".join(f"{what} {count}" for what, count in counts[key[name]].items())
        OUT.print(f"{name}: {counts['rows']} rows  ({shown})", markup=False, highlight=False)
    for advice in stats["retain"]["advice"]:
        OUT.print(advice, markup=False, highlight=False)
