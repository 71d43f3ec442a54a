"""How a journal lies on storage: parts of lines, each line a checksum and a JSON object.

A part has one writer for ever and is never changed by anyone else, so that any number of
processes can share a journal without locks. `LinePart` grows line by line in a local file;
`ObjectParts` writes whole objects, for storage that cannot append.
"""

from __future__ import annotations

import json
import os
import secrets
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cb_datasets.errors import EngineError

VERSION = 1
"""Of the format of a journal; one of another version is refused."""

PART_BYTES = 64 * 2**20
"""A part that has reached this size is followed by another."""

SMALL_PARTS = 32
"""So many small objects of one writer are merged into one."""

PART_NAME = "part-*.journal"


def line_of(payload: dict[str, Any]) -> bytes:
    """A record as it is written.

    Example:
        >>> line_of({"id": "a"})
        b'9aa4e643 {"id":"a"}\\n'
    """
    text = json.dumps(payload, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def payload_of(line: bytes) -> bytes | None:
    """The JSON of a line without its line end; `None` where the checksum does not hold."""
    checksum, _, text = line.partition(b" ")
    return text if checksum == b"%08x" % zlib.crc32(text) and text else None


HEADER = line_of({"journal": "cb_datasets", "version": VERSION})


def record_of(line: bytes) -> dict[str, Any] | None:
    """The JSON object of a line; `None` where the checksum does not hold, or it is none."""
    text = payload_of(line)
    try:
        record = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def is_header(record: dict[str, Any] | None) -> bool:
    """Whether a record begins a part."""
    return record is not None and record.get("journal") == "cb_datasets"


def check_header(record: dict[str, Any] | None, part: str) -> None:
    """See that a part's first record is a header of this version.

    Raises:
        EngineError: It is not.
    """
    if record is None or not is_header(record):
        raise EngineError(f"{part} is no part of a journal; move it out of the journal's folder.")
    if record.get("version") != VERSION:
        raise EngineError(
            f"{part} was written in version {record.get('version')} of the journal format and "
            f"this library reads version {VERSION}; use another folder for the journal."
        )


def is_sample(record: dict[str, Any]) -> bool:
    """Whether a record is a finished sample, as `Journal.add` writes one."""
    ids, logprob = record.get("ids"), record.get("logprob", ...)
    return (
        all(isinstance(record.get(name), str) for name in ("id", "key", "text"))
        and record.get("finish") in ("stop", "length")
        and isinstance(ids, list)
        and all(type(token) is int for token in ids)
        and (logprob is None or type(logprob) in (int, float))
    )


def new_part_name() -> str:
    """A name that no other writer takes; names sort by the time they were made."""
    return f"part-{time.time_ns():020d}-{secrets.token_hex(4)}.journal"


@dataclass(slots=True)
class LinePart:
    """A part in a local folder; a line is safe from the end of the process once it is added.

    Args:
        folder: The journal's folder.
    """

    folder: str
    name: str | None = None
    _file: int = -1
    _size: int = 0
    _synced: int = 0

    def add(self, line: bytes) -> None:
        """Append a line.

        Raises:
            OSError: It cannot be written; what may stand there of it is torn and will be dropped.
        """
        if self.name is None or self._size >= PART_BYTES:
            self._begin()
        try:
            self._write(line)
        except OSError:
            # Behind half a line another would be unreadable too: go on in a part of its own.
            self.close()
            raise

    def sync(self) -> None:
        """Make what was added safe from the end of the machine."""
        if self.name is not None and self._synced < self._size:
            size = self._size
            os.fsync(self._file)
            self._synced = size

    def close(self) -> None:
        """End this part; the next line begins another."""
        if self.name is not None:
            self.name = None
            os.close(self._file)

    def _begin(self) -> None:
        if self.name is not None:
            self.sync()
            self.close()
        name = new_part_name()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._file = os.open(os.path.join(self.folder, name), flags, 0o644)
        self.name, self._size, self._synced = name, 0, 0
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._write(HEADER)

    def _write(self, line: bytes) -> None:
        left = memoryview(line)
        while left:
            left = left[os.write(self._file, left) :]
        self._size += len(line)


class ObjectParts:
    """Parts as whole objects, each written once; small ones are merged as they add up.

    Args:
        write: Puts bytes under a name, all or nothing.
        delete: Removes the named objects.
    """

    def __init__(
        self, write: Callable[[str, bytes], None], delete: Callable[[list[str]], None]
    ) -> None:
        self._write = write
        self._delete = delete
        self._waiting: list[bytes] = []
        self._small: dict[str, bytes] = {}
        self.names: set[str] = set()

    def add(self, line: bytes) -> None:
        """Keep a line for the next `sync`."""
        self._waiting.append(line)

    def sync(self) -> None:
        """Write what was added; after an error it is still waiting, and can be tried again."""
        count = len(self._waiting)
        if not count:
            return
        lines = b"".join(self._waiting[:count])
        self._small[self._put(lines)] = lines
        del self._waiting[:count]
        together = sum(map(len, self._small.values()))
        if len(self._small) >= SMALL_PARTS or together >= PART_BYTES:
            # Readers take a sample that stands in both for one, so a death in between is no harm,
            # nor is storage of which nothing may be deleted.
            self._put(b"".join(self._small.values()))
            merged, self._small = list(self._small), {}
            with suppress(OSError):
                self._delete(merged)

    def _put(self, lines: bytes) -> str:
        name = new_part_name()
        self.names.add(name)
        self._write(name, HEADER + lines)
        return name
