"""How the commands that make a dataset end: statistics, gates, the folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.cli.console import say, show
from cb_datasets.errors import BuildError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from cb_datasets.sets import Sets


def check_jsonl(target: Path) -> None:
    """Refuse an output that is no name of a JSON Lines file."""
    if target.suffix != ".jsonl":
        raise BuildError(
            f"{target}: one set alone is written as JSON Lines, expected a name that ends in "
            ".jsonl; `build` writes folders"
        )


def finish(
    sets: Sets,
    inputs: list[dict[str, Any]],
    target: Path | None,
    *,
    tokenizer: PreTrainedTokenizerBase,
    overwrite: bool,
    only: str | None = None,
) -> bool:
    """Write the sets, print what they are, and return whether the gates passed.

    Args:
        sets: The sets.
        inputs: What was read, from `ReadReport.to_dict()`.
        target: The folder to write; None for a dry run.
        tokenizer: That of the sets' token ids, for the gates.
        overwrite: Replace a folder that is there.
        only: The set to check and write alone, as JSON Lines.
    """
    from cb_datasets.cli.gate_table import render_report
    from cb_datasets.dataset.folder import write_folder
    from cb_datasets.dataset.gate_inputs import recorded_judge
    from cb_datasets.dataset.jsonl import export_jsonl
    from cb_datasets.gates import run_gates

    names = ("ds", "dr", "eval", "rejected") if only is None else (only,)
    given: dict[str, Any] = {"tokenizer": tokenizer, **recorded_judge(sets.facts)}
    report = run_gates(**{name: getattr(sets, name) for name in names}, **given)
    written = "dry run: nothing was written"
    if target is not None and only is not None:
        rows = export_jsonl(getattr(sets, only), target, overwrite=overwrite)
        written = f"written: {target}, {rows} rows"
    elif target is not None:
        write_folder(sets, target, inputs=inputs, gates=report, overwrite=overwrite)
        written = f"written: {target}"
    _print_stats(inputs, sets.stats(), sets.facts.get("options", {}))
    show(render_report(report))
    say(written)
    return report.passed


def _print_stats(
    inputs: list[dict[str, Any]], stats: dict[str, Any], options: dict[str, Any]
) -> None:
    for report in inputs:
        say(
            f"{report['source']}: {report['lines']} lines read, {report['rows']} records, "
            f"{report['scenarios']} scenarios, {sum(report['skipped'].values())} rows skipped, "
            f"{len(report['repeated'])} repeated, {len(report['renamed'])} renamed, "
            f"{len(report['malformed'])} malformed"
        )
    if stats["sampling"]:
        from cb_datasets.dataset.card import sampling_text

        say(f"sampled: {sampling_text(stats['sampling'], options)}")
    for name in ("ds", "dr", "eval", "rejected"):
        counts = stats[name]
        key = {"ds": "by_category", "dr": "by_kind", "eval": "by_kind", "rejected": "by_reason"}
        shown = ", ".join(f"{what} {count}" for what, count in counts[key[name]].items())
        say(f"{name}: {counts['rows']} rows  ({shown})")
    for advice in stats["retain"]["advice"]:
        say(advice)
