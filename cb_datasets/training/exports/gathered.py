"""Rows of an export as they come: into their tables, or counted with the reason why not.

In: rows, one by one. Out: Arrow tables; what is gathered is held in no other form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cb_datasets.schema import arrow_table, record_features

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]
    from datasets import Dataset

    from cb_datasets.training.exports.export import Table

_AT_ONCE = 256


class Gathered:
    """The tables of an export while they fill.

    Args:
        tables: The tables.

    Attributes:
        left_out: Rows of the sets that are in no table, by reason.
        cut: Rows of which the trainer reads only a part, being longer than what it keeps.
    """

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._records = {name: table.record for name, table in tables.items()}
        self._open: dict[str, list[Mapping[str, Any]]] = {name: [] for name in tables}
        self._done: dict[str, list[pa.Table]] = {name: [] for name in tables}
        self.left_out: Counter[str] = Counter()
        self.cut = 0

    def add(self, table: str, row: Mapping[str, Any]) -> None:
        """Put a row into a table."""
        rows = self._open[table]
        rows.append(row)
        if len(rows) == _AT_ONCE:
            self._close(table)

    def leave_out(self, reason: str) -> None:
        """Count a row that is in no table."""
        self.left_out[reason] += 1

    def datasets(self) -> dict[str, Dataset]:
        """The tables, by name."""
        import pyarrow as pa
        from datasets import Dataset, DatasetInfo

        found = {}
        for name, record in self._records.items():
            self._close(name)
            info = DatasetInfo(features=record_features(record))
            found[name] = Dataset(pa.concat_tables(self._done[name]), info=info)
        return found

    def _close(self, table: str) -> None:
        self._done[table].append(arrow_table(self._open[table], self._records[table]))
        self._open[table] = []
