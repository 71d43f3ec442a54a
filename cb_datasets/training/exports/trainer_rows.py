"""The one way to any trainer: sets in, its tables out, and files where they are wanted."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.assets import TINY_AGENT_NAME
from cb_datasets.dataset.jsonl import export_jsonl
from cb_datasets.dataset.whole import whole_file
from cb_datasets.errors import BuildError, FormatError
from cb_datasets.options import checked
from cb_datasets.schema import exact_rows
from cb_datasets.training.exports.export import EXPORTS
from cb_datasets.training.exports.gathered import Gathered
from cb_datasets.training.own_ids import OwnIds

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from cb_datasets.sets import Sets


@dataclass(frozen=True, slots=True)
class TrainerRows:
    """The rows of an export.

    Attributes:
        tables: The tables that the trainer reads, by name.
        files: Where each is written, below the folder that is given.
        left_out: Rows of the sets that are in no table, by reason.
        cut: Rows of which the trainer reads only a part, being longer than what it keeps.
    """

    tables: Mapping[str, Dataset]
    files: Mapping[str, str]
    left_out: Mapping[str, int] = field(default_factory=dict)
    cut: int = 0

    def save(self, folder: str | Path, *, overwrite: bool = True) -> dict[str, int]:
        """Write each table into its file.

        Args:
            folder: The folder; other files in it stay.
            overwrite: Replace files that are there.

        Returns:
            The number of rows by file.

        Raises:
            BuildError: A file cannot be written, or is there and not to be replaced.
        """
        for file in self.files.values():
            if not overwrite and Path(folder, file).exists():
                raise BuildError(f"{Path(folder, file)} exists; --overwrite replaces it")
        for name, file in self.files.items():
            path = Path(folder, file)
            _WRITERS[path.suffix](self.tables[name], path)
        return {file: len(self.tables[name]) for name, file in self.files.items()}


def list_exports() -> list[str]:
    """Names of the exports there are.

    Example:
        >>> "rrfa" in list_exports()
        True
    """
    return EXPORTS.names()


def trainer_rows(
    sets: Sets,
    trainer: str,
    *,
    tokenizer: PreTrainedTokenizerBase | str | Path | None = None,
    **options: Any,
) -> TrainerRows:
    """The sets in the shape that a trainer opens.

    Args:
        sets: The sets, as built or loaded.
        trainer: The export: `circuit_breakers` (the paper's own trainer), `rrfa`, `trl_sft` and so
            on; `list_exports` names all.
        tokenizer: That of the model to be trained, or its folder or Hub id. Ids of another
            vocabulary are refused; of rows without ids they are made with it. None is that of the
            bundled tiny agent, where the rows' ids are its, and else reads ids as they are.
        **options: What the export may be told; each has its own.

    Returns:
        `.tables` (a `Dataset` each, with the columns that the trainer reads), `.save(folder)`, and
        `.left_out`: why rows are in no table.

    Raises:
        FormatError: There is no such export or option; ids are of another tokenizer, or none is
            given where one is needed; there is nothing to train on.

    Example:
        >>> rows = trainer_rows(sets, "rrfa", mask="non_system")  # doctest: +SKIP
        >>> rows.save("rrfa-data")  # doctest: +SKIP
        {'ds/renders.jsonl': 1204, 'ds/lossmasks.jsonl': 1204, ...}
    """
    export = EXPORTS.find(trainer)
    chosen = checked(export.options, options, FormatError, of=f"the export {trainer!r}")
    tables = (of.select_columns(["id", "provenance"]) for of in (sets.ds, sets.dr, sets.pairs))
    facts = [row for of in tables for row in of]
    if tokenizer is None and any(map(_is_tiny_agents, facts)):
        tokenizer = TINY_AGENT_NAME
    if tokenizer is None and export.needs_tokenizer:
        raise FormatError(
            f"the export {trainer!r} reads ids with their tokenizer; name it (tokenizer=)"
        )
    ids = OwnIds(tokenizer)
    for row in facts:
        ids.check_vocabulary(row)
    gathered = Gathered(export.tables)
    export.make(sets, ids, gathered, chosen)
    made, files = gathered.datasets(), {name: of.file for name, of in export.tables.items()}
    first = next(iter(made))
    if not len(made[first]):
        why = ", ".join(f"{reason} ({count})" for reason, count in gathered.left_out.items())
        held = f"there are {len(sets.ds)} rows of ds, {len(sets.dr)} of dr, {len(sets.pairs)} pairs"
        raise FormatError(f"there is nothing to train on in {files[first]}: {why or held}")
    return TrainerRows(made, files, dict(gathered.left_out), gathered.cut)


def _is_tiny_agents(row: Mapping[str, Any]) -> bool:
    """Whether a row says that its ids are the bundled tiny agent's."""
    # Rows of earlier versions name the generator alone.
    held = row["provenance"].get("tokenizer") or {"name": row["provenance"]["generator_model"]}
    return bool(held["name"] == TINY_AGENT_NAME)


def _write_json(rows: Dataset, path: Path) -> None:
    with whole_file(path) as unfinished:
        text = json.dumps(list(exact_rows(rows)), indent=2, ensure_ascii=False)
        unfinished.write_text(text + "\n", encoding="utf-8")


def _write_csv(rows: Dataset, path: Path) -> None:
    with whole_file(path) as unfinished, open(unfinished, "w", encoding="utf-8", newline="") as to:
        writer = csv.DictWriter(to, rows.column_names)
        writer.writeheader()
        writer.writerows(exact_rows(rows))


_WRITERS: dict[str, Callable[[Dataset, Path], object]] = {
    ".jsonl": export_jsonl,
    ".json": _write_json,
    ".csv": _write_csv,
}
