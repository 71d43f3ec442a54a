"""Which reader of rows a file needs, told by its content and, where that leaves a doubt, its name.

In: a `DataFile`. Out: a `RowFile`: JSONL, a JSON document or Parquet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from cb_datasets.sources.files.data_files import DataFile
from cb_datasets.sources.files.file_bytes import PARQUET_MAGIC, open_start
from cb_datasets.sources.files.json_document import JsonDocument
from cb_datasets.sources.files.jsonl import JsonlFile
from cb_datasets.sources.files.parquet import ParquetRows
from cb_datasets.sources.rows import RowFile

_JSONL_NAMES = (".jsonl", ".ndjson")
_FIRST_LINE_BYTES = 2**20


def open_row_files(files: Iterable[DataFile], records_key: str | None = None) -> Iterator[RowFile]:
    """The files, each by the reader that its format needs.

    Args:
        files: The files.
        records_key: Name of the list of records, where upstream wraps them into an object.

    Raises:
        SourceError: A file cannot be opened.
    """
    for file in files:
        yield open_row_file(file, records_key)


def open_row_file(file: DataFile, records_key: str | None = None) -> RowFile:
    """The rows of a file; nothing but its first line has been read.

    Raises:
        SourceError: It cannot be opened.
    """
    start = open_start(file, _FIRST_LINE_BYTES)
    if start.startswith(PARQUET_MAGIC):
        return ParquetRows(file)
    if _is_document(file.name, start, records_key):
        return JsonDocument(file, records_key)
    return JsonlFile(file)


def _is_document(name: str, start: bytes, records_key: str | None) -> bool:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    line, _, rest = text.partition(b"\n")
    line, rest = line.strip(), rest.strip()
    if line in (b"[", b"{"):
        return True
    if line.startswith(b"["):
        # An array on the first of several lines is a row that is none.
        return not (rest and _is_json(line))
    if not line.startswith(b"{"):
        return False
    if records_key is not None and _holds_records(line, records_key):
        return True
    if name.endswith(_JSONL_NAMES) or _is_json(line):
        return False
    # The first line is no value: a document's, or a broken row, which others then follow.
    return _is_json(text.strip()) or not _are_rows(rest)


def _holds_records(line: bytes, records_key: str) -> bool:
    """Whether a line is an object with the list of records."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and isinstance(value.get(records_key), list)


def _are_rows(text: bytes) -> bool:
    """Whether most lines are objects by themselves."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return 2 * sum(line.startswith(b"{") and _is_json(line) for line in lines) > len(lines)


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
