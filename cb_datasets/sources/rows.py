"""What every source reader shares: where a raw row stands, and how a reader passes one over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from cb_datasets.records import Scenario


@dataclass(frozen=True, slots=True)
class RowPlace:
    """Where a raw row stands: file name without folder and `.gz`, and 1-based line."""

    file: str
    line: int


class SkipRow(Exception):  # noqa: N818  (a signal, no error)
    """Raised by a reader for a row that is fine but no scenario (a metadata row): it is counted."""


ReadRow = Callable[[dict[str, Any], RowPlace], Iterable[Scenario]]
"""A reader: one raw row to no, one or several scenarios.

It raises `SkipRow` for rows that are no records, and `ValueError` with one sentence for rows that
are malformed; both are counted by file and line. A record that can be read but fits no set becomes
a scenario with `set_aside`, so that it is accounted for.
"""
