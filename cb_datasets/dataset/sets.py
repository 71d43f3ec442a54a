"""The sets of a build: tables in memory, on the way into a folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.dataset.folder import write_folder
from cb_datasets.dataset.stats import set_stats

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class Sets:
    """Ds, Dr, pairs and the eval set, with what was left out and how they were made.

    Attributes:
        ds: Rows of `records.CircuitBreakerRow`.
        dr: Rows of `records.RetainRow`.
        pairs: Rows of `records.PairRow`.
        eval: Rows of `records.EvalRow`.
        rejected: Rows of `records.RejectedRow`.
        facts: Engine, sampling and template, as they go into manifest and card.
    """

    ds: Dataset
    dr: Dataset
    pairs: Dataset
    eval: Dataset
    rejected: Dataset
    facts: dict[str, Any] = field(default_factory=dict)

    def stats(self) -> dict[str, Any]:
        """Counts of rows, by what matters in each set."""
        return set_stats(self)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write a dataset folder that `load_dataset` reads (see `cb_datasets.dataset.folder`)."""
        write_folder(self, folder, overwrite=overwrite)
