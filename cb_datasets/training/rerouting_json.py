"""The export `circuit_breakers` under its own name, with what it wrote in counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cb_datasets.training.exports import trainer_rows

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from cb_datasets.sets import Sets


@dataclass(frozen=True, slots=True)
class ExportedPairs:
    """What an export wrote.

    Attributes:
        train: Rows of `circuit_breakers_train.json`.
        val: Rows of `circuit_breakers_val.json`; the first of train, too, if no group was held out.
        retain: Rows of the CSV.
        cut: Rows longer than the 512 tokens that the trainer keeps of a prompt and of an output.
        left_out: Rows of Ds and Dr that are in no file, by reason.
    """

    train: int
    val: int
    retain: int
    cut: int
    left_out: dict[str, int] = field(default_factory=dict)


def export_rerouting_json(
    sets: Sets,
    folder: str | Path,
    *,
    tokenizer: PreTrainedTokenizerBase | str | Path | None = None,
    val_fraction: float = 0.05,
    safe_completion: str | None = None,
) -> ExportedPairs:
    """Write Ds and Dr as the files of the circuit breaker paper's trainer.

    It is `trainer_rows(sets, "circuit_breakers").save(folder)`. Each row of Ds needs
    `llama3_output`, a right completion of the same prompt: it is that of a Dr row of the same
    scenario, or of its benign twin.

    Args:
        sets: The sets, as built or loaded.
        folder: Where the three files go.
        tokenizer: The tokenizer of the rows' ids, or its model folder or Hub id; rows without ids
            are written with it. None is that of the bundled tiny agent, where the ids are its.
        val_fraction: Share of the groups of Ds that goes to the val file.
        safe_completion: Taken where Dr has no right completion; None leaves the row out, since
            nothing is written here that no model said.

    Returns:
        How many rows each file has, and why others have no place.

    Raises:
        FormatError: The ids are of another tokenizer, or there is nothing to write.
        BuildError: A file cannot be written.

    Example:
        >>> export_rerouting_json(sets, "circuit-breakers/data")  # doctest: +SKIP
        ExportedPairs(train=1143, val=61, retain=4816, cut=0, left_out={})
    """
    rows = trainer_rows(
        sets,
        "circuit_breakers",
        tokenizer=tokenizer,
        val_fraction=val_fraction,
        safe_completion=safe_completion,
    )
    rows.save(folder)
    counts = {name: len(table) for name, table in rows.tables.items()}
    return ExportedPairs(**counts, cut=rows.cut, left_out=dict(rows.left_out))
