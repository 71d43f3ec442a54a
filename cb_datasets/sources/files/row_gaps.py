"""Rows of which a dataset cannot store every column: logs hold NaN, tables bytes and durations.

In: columns, and why some cannot be stored. Out: a row without those. A reader that has no use for
them reads past them; one that asks for one of them is told why there is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cb_datasets.schema import JsonObject
from cb_datasets.sources.files.json_values import check_storable, storable_at, whole_at


class RowWithGaps(dict[str, Any]):
    """A row without the columns that cannot be stored.

    Args:
        row: The others.
        reasons: Why not, by column.

    Example:
        >>> row = RowWithGaps({"id": 7}, {"loss": "NaN is no JSON value"})
        >>> row["id"], row.get("note"), "note" in row
        (7, None, False)
        >>> row.get("loss")
        Traceback (most recent call last):
        ...
        ValueError: column 'loss': NaN is no JSON value
    """

    def __init__(self, row: Mapping[str, Any], reasons: Mapping[str, str]) -> None:
        super().__init__(row)
        self._reasons = dict(reasons)

    def __getitem__(self, name: str) -> Any:
        self._check(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self._check(name)
        return super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a column.

        Raises:
            ValueError: It is one that cannot be stored.
        """
        self._check(name)
        return super().get(name, default)

    def _check(self, name: object) -> None:
        if name in self._reasons:
            raise ValueError(f"column {name!r:.80}: {self._reasons[str(name)]}")


def storable_row(row: Mapping[str, Any], reasons: Mapping[str, str] | None = None) -> JsonObject:
    """A row, without the columns that cannot be stored.

    Args:
        row: The row.
        reasons: Why some of its columns are missing already.

    Raises:
        ValueError: The name of a column cannot be stored.
    """
    found: dict[str, str] = dict(reasons or {})
    for name, value in row.items():
        check_storable(name)
        try:
            check_storable(value)
        except ValueError as error:
            found[name] = str(error)
    if not found:
        return dict(row)
    return RowWithGaps({name: row[name] for name in row if name not in found}, found)


def record_at(text: str, start: int = 0) -> tuple[Any, int]:
    r"""The record that begins at a place in a text, and where it ends.

    Raises:
        json.JSONDecodeError: It is broken.
        RecursionError: It nests too deeply to be read.
        ValueError: The name of a column cannot be stored.

    Example:
        >>> record_at('{"id": 7, "loss": NaN}')
        ({'id': 7}, 22)
    """
    try:
        return storable_at(text, start)
    except json.JSONDecodeError:
        raise
    except ValueError:
        value, end = whole_at(text, start)
    return (storable_row(value) if isinstance(value, dict) else value), end
