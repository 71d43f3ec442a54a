"""The bytes of a file, decompressed on the way and hashed as they lie on disk.

In: a `DataFile`. Out: a stream of its plain bytes, and size and SHA-256 when it has been read to
its end. What is no text at all is refused by its first bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from cb_datasets.errors import SourceError
from cb_datasets.quoting import reason_of
from cb_datasets.sources.files.data_files import DataFile

PARQUET_MAGIC = b"PAR1"
LFS_POINTER = b"version https://git-lfs"

_GZIP = b"\x1f\x8b"

_FOREIGN = (
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
)


class FileBytes(io.RawIOBase):
    """A stream that hashes what is read from it.

    Attributes:
        size: Number of bytes read so far.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """Of the bytes read so far."""
        return self._digest.hexdigest()

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read on, and hash."""
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self._digest.update(data)
        self.size += len(data)
        return len(data)


@contextmanager
def open_bytes(file: DataFile) -> Iterator[tuple[io.BufferedReader[Any], FileBytes]]:
    """The plain bytes of a file, and what counts and hashes them.

    Gzip is known by its content: downloads lose or gain a `.gz`. When the block ends well, the
    file has been read to its end, so that its size and hash are those of the whole file.

    Raises:
        SourceError: The file cannot be opened or read, or is of a format that holds no rows.
    """
    with file.open() as stream:
        raw = FileBytes(stream)
        plain: io.BufferedReader[Any] = io.BufferedReader(raw)
        try:
            text = plain
            if plain.peek(2).startswith(_GZIP):
                text = io.BufferedReader(gzip.GzipFile(fileobj=plain))
            _refuse_foreign(text.peek(32)[:32], file)
            yield text, raw
            while plain.read(2**20):  # what a reader of gzip may leave unread
                pass
        except (OSError, EOFError, zlib.error) as error:
            raise SourceError(
                f"the file cannot be read on ({reason_of(error)})", file=file.path
            ) from error


def open_start(file: DataFile, size: int) -> bytes:
    """The first bytes of a file, decompressed; fewer where it is broken or short.

    Raises:
        SourceError: It cannot be opened.
    """
    with file.open() as stream:
        try:
            start = stream.read(size)
            if not start.startswith(_GZIP):
                return start
            return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(start, size)
        except (OSError, zlib.error):
            return b""


def _refuse_foreign(start: bytes, file: DataFile) -> None:
    for magic, kind in _FOREIGN:
        if start.startswith(magic):
            raise SourceError(
                f"this is {kind}, expected JSONL (one JSON object a line), JSON or Parquet",
                file=file.path,
            )
