"""The rows of a JSONL file, one at a time, and what is wrong with the lines that are none.

In: a `DataFile`, plain or gzip. Out: `RawRow`s and `MalformedLine`s in the order of the file, and
afterwards its size and SHA-256, taken on the way. The file is never in memory as a whole.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from cb_datasets.errors import SourceError
from cb_datasets.sources.files import DataFile
from cb_datasets.sources.rows import RowPlace

MAX_LINE_BYTES = 32 * 2**20
"""A longer line is passed over: no record is that long, and a broken file may be one line."""

_FOREIGN = (
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"version https://git-lfs", "a git-lfs pointer in place of the data (`git lfs pull` gets it)"),
)

# Signs of a value that cannot be stored: many digits, a large exponent, half a surrogate pair.
_SUSPICIOUS = re.compile(rb"\d{19}|[eE]\+?\d{3}|\\u[dD][89a-fA-F]")
_MAX_DEPTH = 400


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as upstream wrote it, and where it stands."""

    place: RowPlace
    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class MalformedLine:
    """A line that is passed over, and why."""

    file: str
    line: int
    reason: str


class JsonlFile:
    """The rows of one file; `sha256`, `size` and `lines` are known when they have all been read.

    Attributes:
        sha256: Of the file's bytes as they lie on disk.
        size: Number of those bytes.
        lines: Number of lines that are not blank.

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
        self.file = file
        self.sha256 = ""
        self.size = 0
        self.lines = 0

    def __iter__(self) -> Iterator[RawRow | MalformedLine]:
        """Read the file.

        Raises:
            SourceError: If it is of another format, or its compression is broken.
        """
        self.lines = number = 0
        name = self.file.name
        with self.file.open() as stream:
            hashing = _HashingReader(stream)
            plain: io.BufferedReader[Any] = io.BufferedReader(hashing)
            try:
                for number, line in enumerate(_lines(plain, self.file.path), 1):
                    if line is not None and not line.strip():
                        continue
                    self.lines += 1
                    try:
                        yield RawRow(RowPlace(name, number), parse_row(line))
                    except ValueError as error:
                        yield MalformedLine(name, number, str(error))
                while plain.read(2**20):  # what a reader of gzip may leave unread
                    pass
            except (OSError, EOFError, zlib.error) as error:
                text = " ".join(str(error).split()) or type(error).__name__
                raise SourceError(
                    f"the file cannot be read on ({text})", file=self.file.path, line=number + 1
                ) from error
        self.sha256 = hashing.digest.hexdigest()
        self.size = hashing.size


def parse_row(line: bytes | None) -> dict[str, Any]:
    r"""The JSON object on a line.

    Args:
        line: The line; None for one longer than `MAX_LINE_BYTES`.

    Raises:
        ValueError: With the reason, if there is none, or it holds what cannot be stored.

    Example:
        >>> parse_row(b'{"a": 1}')
        {'a': 1}
        >>> parse_row(b'{"a": "\\ud800"}')
        Traceback (most recent call last):
        ...
        ValueError: half a surrogate pair in a text
    """
    if line is None:
        raise ValueError(f"longer than {MAX_LINE_BYTES // 2**20} MiB")
    if b"\x00" in line:
        raise ValueError("NUL bytes")
    try:
        row = _DECODER.decode(line.decode("utf-8").lstrip("\ufeff").strip())
    except UnicodeDecodeError as error:
        raise ValueError(f"invalid UTF-8 at byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"broken JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(row, dict):
        raise ValueError(f"not a JSON object but {type(row).__name__}")
    if _SUSPICIOUS.search(line) or line.count(b"{") + line.count(b"[") > _MAX_DEPTH:
        _check_storable(row)
    return row


def _lines(plain: io.BufferedReader[Any], path: str) -> Iterator[bytes | None]:
    """The lines of a file; None for one that is too long, which is passed over."""
    stream: io.BufferedReader[Any] | gzip.GzipFile = plain
    # Known by its content: downloads lose or gain a .gz.
    if plain.peek(2)[:2] == b"\x1f\x8b":
        stream = gzip.GzipFile(fileobj=plain)
    start = stream.peek(32)[:32]
    for magic, kind in _FOREIGN:
        if start.startswith(magic):
            raise SourceError(f"this is {kind}, expected JSONL: one JSON object a line", file=path)
    while line := stream.readline(MAX_LINE_BYTES + 1):
        if len(line) <= MAX_LINE_BYTES:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(MAX_LINE_BYTES)
        yield None


def _check_storable(value: Any, depth: int = 0) -> None:
    """Refuse what a `Json()` column would silently spoil.

    Its codec reads no integer beyond 64 bits, turns infinity into null, and fails beyond some
    depth; the whole message then comes back as text.
    """
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        for key, item in value.items():
            _check_storable(key, depth)
            _check_storable(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_storable(item, depth + 1)
    elif isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("half a surrogate pair in a text") from None
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a number too large for a float")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("an integer of more than 64 bits")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


class _HashingReader(io.RawIOBase):
    """A stream that hashes what is read from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()
        self.size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self.digest.update(data)
        self.size += len(data)
        return len(data)
