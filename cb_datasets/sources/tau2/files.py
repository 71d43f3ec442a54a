"""Both layouts of τ²-bench results, and τ-bench's arrays, as files of rows.

In: the files that the user named. Out: a `RowFile` for each file that is read. τ²-bench writes one
`results.json`, or a head `results.json` beside a folder `simulations` with a file per simulation;
each simulation is given the other members of its results file under `rows.CONTAINER`.

Only these fixed names, beside a file that was named, are looked for; no name that stands inside a
file is ever opened.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any

from cb_datasets.errors import SourceError
from cb_datasets.quoting import printable
from cb_datasets.schema import JsonObject
from cb_datasets.sources.files.data_files import DataFile, resolve_data_files
from cb_datasets.sources.files.json_document import JsonDocument
from cb_datasets.sources.files.row_files import open_row_file
from cb_datasets.sources.rows import CONTAINER, MalformedLine, RawRow, RowFile

logger = logging.getLogger(__name__)


_HEAD = "results.json"
_SIMULATIONS = "simulations"
_HUB = "hf://"


def open_tau2_files(files: Sequence[DataFile]) -> Iterator[RowFile]:
    """The files of rows, in the order given.

    A head comes before its simulations and brings them all along. A simulation that is named
    without its head is given the head that stands above it, if there is one.

    Args:
        files: The files that the user named, resolved.

    Returns:
        A `RowFile` per file that is read, each once. A head has no rows: its lines are what is
        wrong with it, such as a simulation that its index names and its folder does not hold.

    Raises:
        SourceError: A file cannot be read.
    """
    heads = {_identity(head.file): head for head in _named_heads(files)}
    brought = {_identity(file) for head in heads.values() for file in head.simulations}
    named = {_identity(file) for file in files}
    for file in files:
        identity = _identity(file)
        if identity in brought:
            continue
        if identity in heads:
            head = heads[identity]
            yield head
            for simulation in head.simulations:
                yield _SimulationFile(simulation, head.members)
            continue
        above = _head_above(file)
        if above is None:
            yield open_row_file(file, _SIMULATIONS)
            continue
        identity = _identity(above)
        if identity not in heads:
            heads[identity] = _HeadFile(above, [])
            if identity not in named:
                yield heads[identity]
        yield _SimulationFile(file, heads[identity].members)


class _HeadFile(RowFile):
    """A results file without simulations of its own: what they have in common."""

    def __init__(self, file: DataFile, simulations: list[DataFile]) -> None:
        super().__init__(file.path, file.name)
        self.file = file
        self.simulations = simulations
        document = JsonDocument(file, _SIMULATIONS)
        found = list(document)
        self._wrong = [(raw.line, raw.reason) for raw in found if isinstance(raw, MalformedLine)]
        rows = [raw.row for raw in found if isinstance(raw, RawRow)]
        self.is_head = all(row is document.members for row in rows)
        # Of a broken file it is not known what is missing.
        self.members = {} if self._wrong else document.members
        self._wrong += self._not_in_folder()
        self.sha256, self.size = document.sha256, document.size

    def _rows(self) -> Iterator[tuple[int, ValueError]]:
        for line, reason in self._wrong:
            yield line, ValueError(reason)

    def _not_in_folder(self) -> list[tuple[int, str]]:
        index = self.members.get("simulation_index")
        if not self.simulations or not isinstance(index, list):
            return []
        indexed = [entry.get("id") for entry in index if isinstance(entry, dict)]
        present = {file.name.removesuffix(".json") for file in self.simulations}
        strange = sorted(present.difference(name for name in indexed if isinstance(name, str)))
        if strange:
            logger.warning(
                "%s: the index does not name %d of the simulations beside it, which are read "
                "all the same; the first is %s",
                *(printable(self.path, None), len(strange), printable(strange[0])),
            )
        return [
            (1, f"the index names the simulation {name!r:.80}, which has no file")
            for name in indexed
            if name not in present
        ]


class _SimulationFile(JsonDocument):
    """A file that holds one simulation, which is given the members of its head."""

    def __init__(self, file: DataFile, members: dict[str, Any]) -> None:
        super().__init__(file)
        self._head = members

    def _rows(self) -> Iterator[tuple[int, JsonObject | ValueError]]:
        for line, row in super()._rows():
            if isinstance(row, dict):
                row[CONTAINER] = self._head
            yield line, row


def _named_heads(files: Sequence[DataFile]) -> Iterator[_HeadFile]:
    for file in files:
        if file.name == _HEAD and (simulations := _simulations_beside(file)):
            head = _HeadFile(file, simulations)
            if head.is_head:
                yield head


def _simulations_beside(head: DataFile) -> list[DataFile]:
    folder = os.path.join(os.path.dirname(head.path), _SIMULATIONS)
    if head.path.startswith(_HUB):
        return _on_hub(f"{folder}/*.json")
    if not os.path.isdir(folder):
        return []
    files = [DataFile(os.path.join(folder, name)) for name in sorted(os.listdir(folder))]
    return [file for file in files if _is_simulation(file) and not os.path.isdir(file.path)]


def _head_above(file: DataFile) -> DataFile | None:
    local = not file.path.startswith(_HUB)
    folder = os.path.dirname(os.path.abspath(file.path) if local else file.path)
    if os.path.basename(folder) != _SIMULATIONS or not _is_simulation(file):
        return None
    head = os.path.join(os.path.dirname(folder), _HEAD)
    if not local:
        return next(iter(_on_hub(head)), None)
    return next((DataFile(path) for path in (head, f"{head}.gz") if os.path.isfile(path)), None)


def _is_simulation(file: DataFile) -> bool:
    return file.name.endswith(".json") and not file.name.startswith(".")


def _on_hub(path: str) -> list[DataFile]:
    try:
        return resolve_data_files(path)
    except SourceError:
        return []


def _identity(file: DataFile) -> str:
    return file.path if file.path.startswith(_HUB) else os.path.realpath(file.path)
