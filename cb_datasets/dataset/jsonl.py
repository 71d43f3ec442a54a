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
_DATA = ("messages", "tools", "twin_messages", "twin_tools", "arguments")


_OF_THE_SPECIFICATION = {
    "labels": ("expected_tool",),
    "provenance": ("generator_model", "temperature", "timestamp"),
}
"""Fields of the specification's Ds that may be null in this library's."""


def export_jsonl(
    dataset: Dataset | Iterable[Mapping[str, Any]],
    path: str | Path,
    *,
    overwrite: bool = True,
    nulls: bool = False,
) -> int:
    """Write rows as JSON Lines, one object a line.

    Null fields are left out, but for those of the specification: a row of Ds has all that it asks
    for, known or not.

    Args:
        dataset: A `Dataset` of any of the sets, or rows.
        path: The file; it appears when it is complete.
        overwrite: Replace a file that is there.
        nulls: Write the other null fields, too.

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
            written = row if nulls else _short(row)
            stream.write(json.dumps(written, ensure_ascii=False))
            stream.write("\n")
            count += 1
    return count


def _short(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without its null fields, but for those of the specification."""
    short: dict[str, Any] = without_nulls(dict(row), keep_inside=_DATA)
    if row.get("set") != "circuit_breaker":
        return short
    for part, names in _OF_THE_SPECIFICATION.items():
        whole = row.get(part)
        if isinstance(whole, Mapping):
            short[part] = {
                name: short[part].get(name)
                for name in whole
                if name in short[part] or name in names
            }
    return short
