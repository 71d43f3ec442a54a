"""A table as a Parquet file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import Dataset

ROWS = 1000
"""So many rows a row group."""


def write_parquet(table: Dataset, path: Path) -> None:
    """Write a table, in row groups of `ROWS` rows.

    Left to itself datasets asks how large the table is, which fails where a list of JSON values is
    null in one row and not in another.
    """
    table.to_parquet(path, batch_size=ROWS)
