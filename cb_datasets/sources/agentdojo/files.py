"""AgentDojo's folders of logs, plain or packed, as files of rows.

In: the files that the user named. Out: a `RowFile` for each. AgentDojo writes one JSON object a run
and lays it at `pipeline/suite/user task/attack or none/injection task or none.json`: that path is
what a log is known by, whether it lies in a folder or in a `.tar.gz`. An export is JSONL.

Archives are read as a stream: nothing of them is written to disk, and no name in them is opened.
"""

from __future__ import annotations

import io
import os
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from cb_datasets.errors import SourceError
from cb_datasets.quoting import reason_of
from cb_datasets.sources.files.data_files import DataFile
from cb_datasets.sources.files.file_bytes import open_bytes, open_start
from cb_datasets.sources.files.json_document import JsonDocument
from cb_datasets.sources.files.row_files import open_row_file
from cb_datasets.sources.rows import MalformedLine, RawRow, RowFile

SUFFIXES = (".jsonl", ".ndjson", ".json", ".tar", ".tgz")
"""What a folder is searched for."""

# Its parts from the pipeline on: suite, user task, attack, injection task.
_LAYOUT = re.compile(
    r"(?:.*/)?([^/]+/[^/]+/(?:user|injection)_task_\d+/[^/]+/(?:injection_task_\d+|none)\.json)"
)


def open_agentdojo_files(files: Sequence[DataFile]) -> Iterator[RowFile]:
    """The files of rows, in the order given.

    Args:
        files: The files that the user named, resolved.

    Raises:
        SourceError: A file cannot be read.
    """
    for file in files:
        if _is_archive(file):
            yield _Archive(file)
        else:
            yield open_row_file(_Log(file.path, file.download))


class _Archive(RowFile):
    """The logs of a tar file, in its order; each is a line of it, named by its own path."""

    def __init__(self, file: DataFile) -> None:
        super().__init__(file.path, file.name)
        self._file = file

    def __iter__(self) -> Iterator[RawRow | MalformedLine]:
        self.lines = 0
        for document in self._documents():
            yield from document
            self.lines += document.lines

    def _rows(self) -> Iterator[tuple[int, dict[str, Any] | ValueError]]:
        for document in self._documents():
            yield from document._rows()

    def _documents(self) -> Iterator[JsonDocument]:
        with open_bytes(self._file) as (stream, raw):
            try:
                with tarfile.open(fileobj=stream, mode="r|") as archive:
                    for member in filter(_is_log, archive):
                        yield _document(archive, member)
            except tarfile.TarError as error:
                words = f"the archive cannot be read on ({reason_of(error)})"
                raise SourceError(words, file=self.path) from error
        self.sha256, self.size = raw.sha256, raw.size


@dataclass(frozen=True, slots=True)
class _Log(DataFile):
    """A log, known by its path from the pipeline on; one of an archive has been read."""

    content: bytes | None = None

    @property
    def name(self) -> str:
        local = not self.path.startswith("hf://") and self.content is None
        return _log_name(os.path.abspath(self.path) if local else self.path)

    def open(self) -> BinaryIO:
        return DataFile.open(self) if self.content is None else io.BytesIO(self.content)


def _document(archive: tarfile.TarFile, member: tarfile.TarInfo) -> JsonDocument:
    content = archive.extractfile(member)
    assert content is not None
    return JsonDocument(_Log(member.name, content=content.read()))


def _is_log(member: tarfile.TarInfo) -> bool:
    parts = PurePosixPath(member.name).parts
    hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
    return member.isreg() and member.name.endswith(".json") and not hidden


def _is_archive(file: DataFile) -> bool:
    if file.name.endswith((".tar", ".tgz")):
        return True
    return open_start(file, 512)[257:262] == b"ustar"


def _log_name(path: str) -> str:
    """A log's path from its pipeline on; of any other file, its name.

    Example:
        >>> _log_name("/data/runs/gpt/slack/user_task_0/none/none.json")
        'gpt/slack/user_task_0/none/none.json'
        >>> _log_name("/data/export.jsonl.gz")
        'export.jsonl'
    """
    path = path.replace(os.sep, "/").removesuffix(".gz")
    known = _LAYOUT.fullmatch(path)
    return known[1] if known else path.rpartition("/")[2]
