"""The rows of a JSONL file, one at a time, and what is wrong with the lines that are none.

In: a `DataFile`, plain or gzip. Out: a `RowFile`, whose size and SHA-256 are taken on the way. The
file is never in memory as a whole.
"""

from __future__ import annotations

import io
import json
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import Any

from cb_datasets.errors import SourceError
from cb_datasets.quoting import reason_of
from cb_datasets.schema import JsonObject
from cb_datasets.sources.files.data_files import DataFile
from cb_datasets.sources.files.file_bytes import LFS_POINTER, open_bytes
from cb_datasets.sources.files.row_gaps import record_at
from cb_datasets.sources.rows import RowFile

MAX_LINE_BYTES = 32 * 2**20
"""A longer line is passed over: no record is that long, and a broken file may be one line."""


class JsonlFile(RowFile):
    """The rows of one file; lines that are blank do not count.

    Example:
        >>> import pathlib, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = pathlib.Path(folder.name, "two rows.jsonl")
        >>> _ = path.write_text('{"a": 1}\\n{"a": \\n')
        >>> file = JsonlFile(DataFile(str(path)))
        >>> [type(row).__name__ for row in file]
        ['RawRow', 'MalformedLine']
        >>> file.lines, file.size
        (2, 16)
        >>> folder.cleanup()
    """

    def __init__(self, file: DataFile) -> None:
        super().__init__(file.path, file.name)
        self._file = file

    def _rows(self) -> Iterator[tuple[int, JsonObject | ValueError]]:
        number = 0
        with open_bytes(self._file) as (stream, raw):
            if stream.peek(len(LFS_POINTER)).startswith(LFS_POINTER):
                stream.read()
                yield (
                    1,
                    ValueError("a git-lfs pointer in place of the data (`git lfs pull` gets it)"),
                )
            try:
                for number, line in enumerate(_lines(stream), 1):
                    if line is None or line.removeprefix(BOM_UTF8).strip():
                        yield number, _row(line)
            except (OSError, EOFError, zlib.error) as error:
                raise SourceError(
                    f"the file cannot be read on ({reason_of(error)})",
                    file=self.path,
                    line=number + 1,
                ) from error
        self.sha256, self.size = raw.sha256, raw.size


def _row(line: bytes | None) -> JsonObject | ValueError:
    try:
        return parse_row(line)
    except ValueError as error:
        return error


def parse_row(line: bytes | None) -> JsonObject:
    r"""The JSON object on a line, without columns that hold what cannot be stored.

    Args:
        line: The line; None for one longer than `MAX_LINE_BYTES`.

    Raises:
        ValueError: With the reason, if there is none.

    Example:
        >>> parse_row(b'{"a": 1}')
        {'a': 1}
        >>> parse_row(b'[1]')
        Traceback (most recent call last):
        ...
        ValueError: not a JSON object but list
    """
    if line is None:
        raise ValueError(f"longer than {MAX_LINE_BYTES // 2**20} MiB")
    if b"\x00" in line:
        raise ValueError("NUL bytes")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"invalid UTF-8 at byte {error.start + 1}") from None
    return _object(text.lstrip("\ufeff").strip())


def _object(text: str) -> JsonObject:
    try:
        value, end = record_at(text)
        if rest := text[end:].lstrip():
            raise json.JSONDecodeError("Extra data", text, len(text) - len(rest))
    except json.JSONDecodeError as error:
        raise ValueError(f"broken JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError(f"not a JSON object but {type(value).__name__}")
    return value


def _lines(stream: io.BufferedReader[Any]) -> Iterator[bytes | None]:
    """The lines of a file; None for one that is too long, which is passed over."""
    while line := stream.readline(MAX_LINE_BYTES + 1):
        if len(line) <= MAX_LINE_BYTES:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(MAX_LINE_BYTES)
        yield None
