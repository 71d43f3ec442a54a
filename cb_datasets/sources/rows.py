"""What every source reader shares: raw rows, where they stand, and how one is passed over."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from cb_datasets.records import Scenario
from cb_datasets.schema import JsonObject

CONTAINER = "container"
"""The key under which a record of a JSON document finds the document's other members."""


@dataclass(frozen=True, slots=True)
class RowPlace:
    """Where a raw row stands: file name without folder and `.gz`, and 1-based line."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as upstream wrote it, and where it stands."""

    place: RowPlace
    row: JsonObject


@dataclass(frozen=True, slots=True)
class MalformedLine:
    """A line that is passed over, and why."""

    file: str
    line: int
    reason: str


class RowFile(ABC):
    """The rows of one file, whatever its format; the facts are known when all have been read.

    Attributes:
        path: The file, as the user named it.
        name: Its name, without folder and `.gz`.
        sha256: Of the file's bytes as they lie on disk; of rows without a file, of their JSON.
        size: Number of those bytes.
        lines: Number of its rows, the malformed ones included.
        commit: Of a dataset on the Hub, the commit that it was read at.
    """

    def __init__(self, path: str, name: str) -> None:
        self.path = path
        self.name = name
        self.sha256 = ""
        self.size = 0
        self.lines = 0
        self.commit: str | None = None

    def __iter__(self) -> Iterator[RawRow | MalformedLine]:
        """Read the file.

        Raises:
            SourceError: It cannot be read.
        """
        self.lines = 0
        for line, row in self._rows():
            self.lines += 1
            if isinstance(row, ValueError):
                yield MalformedLine(self.name, line, str(row))
            else:
                yield RawRow(RowPlace(self.name, line), row)

    @abstractmethod
    def _rows(self) -> Iterator[tuple[int, JsonObject | ValueError]]:
        """Each row with its line; in the place of a malformed one, the reason."""


class SkipRow(Exception):  # noqa: N818  (a signal, no error)
    """Raised by a reader for a row that is fine but no scenario (a metadata row): it is counted."""


ReadRow = Callable[[JsonObject, RowPlace], Iterable[Scenario]]
"""A reader: `read(row, place)`, one raw row to no, one or several scenarios.

It raises `SkipRow` for rows that are no records, and `ValueError` with one sentence for rows that
are malformed; both are counted by file and line. A record that can be read but fits no set becomes
a scenario with `set_aside`, so that it is accounted for. Sentences in a list that it has as
`notes` are told to the user when all rows are read.
"""
