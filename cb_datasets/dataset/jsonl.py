"""Rows as JSON Lines, in the shape of the specification."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.dataset.whole import whole_file
from cb_datasets.schema import exact_rows, without_nulls

if TYPE_CHECKING:
    from datasets import Dataset

# Inside these a null is the model's or the user's data, and stays.
_DATA = ("messages", "tools", "arguments")


def export_jsonl(
    dataset: Dataset | Iterable[Mapping[str, Any]], path: str | Path, *, overwrite: bool = True
) -> int:
    """Write rows as JSON Lines, one object a line, without null fields.

    Args:
        dataset: A `Dataset` of any of the sets, or rows.
        path: The file; it appears when it is complete.
        overwrite: Replace a file that is there.

    Returns:
        How many rows were written.

    Raises:
        BuildError: The file cannot be written, or is there and not to be replaced.

    Example:
        >>> export_jsonl(sets.ds, "circuit_breakers.jsonl")  # doctest: +SKIP
        1204
    """
    import datasets

    rows = exact_rows(dataset) if isinstance(dataset, datasets.Dataset) else dataset
    count = 0
    with (
        whole_file(Path(path), overwrite=overwrite) as unfinished,
        open(unfinished, "w", encoding="utf-8") as stream,
    ):
        for row in rows:
            stream.write(json.dumps(without_nulls(row, keep_inside=_DATA), ensure_ascii=False))
            stream.write("\n")
            count += 1
    return count
