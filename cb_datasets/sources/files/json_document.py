"""The records of a file that is one JSON value: an array of them, or an object that holds them.

In: a `DataFile`, plain or gzip. Out: a `RowFile`. The records are decoded one by one, so that each
has its line, and a broken one costs no other: reading goes on behind the bracket that closes it.
Where no bracket does, as at the end of half a download, it ends there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from cb_datasets.errors import SourceError
from cb_datasets.schema import JsonObject
from cb_datasets.sources.files.data_files import DataFile
from cb_datasets.sources.files.file_bytes import open_bytes
from cb_datasets.sources.files.json_values import storable_at
from cb_datasets.sources.files.jsonl import MAX_LINE_BYTES
from cb_datasets.sources.files.row_gaps import record_at
from cb_datasets.sources.rows import CONTAINER, RowFile

MAX_DOCUMENT_BYTES = 2 * 2**30
"""A larger document is refused: it is held in memory, unlike JSONL."""

_SPACE = re.compile(r"[ \t\r\n]*")
_BRACKET_OR_QUOTE = re.compile(r"""["\[\]{}]""")
# A line end inside a text is a sign that its quote is missing.
_REST_OF_STRING = re.compile(r"""[^"\\\n]*(?:\\.[^"\\\n]*)*\"""")


class JsonDocument(RowFile):
    """The records of one file.

    An array's items are the records. Of an object with a list called `records_key` its items are,
    each given the object's other members under `rows.CONTAINER`; any other object is one record.

    Args:
        file: The file.
        records_key: Name of the list of records, where upstream wraps them into an object.

    Attributes:
        members: The other members of an object that holds records.

    Example:
        >>> import pathlib, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = pathlib.Path(folder.name, "runs.json")
        >>> _ = path.write_text('{"info": {"v": 1},\\n"runs": [{"id": 1},\\n{"id": 2}]}')
        >>> for row in JsonDocument(DataFile(str(path)), "runs"):
        ...     print(row.place.line, row.row)
        2 {'id': 1, 'container': {'info': {'v': 1}}}
        3 {'id': 2, 'container': {'info': {'v': 1}}}
        >>> folder.cleanup()
    """

    def __init__(self, file: DataFile, records_key: str | None = None) -> None:
        super().__init__(file.path, file.name)
        self.members: JsonObject = {}
        self._file = file
        self._records_key = records_key

    def _rows(self) -> Iterator[tuple[int, JsonObject | ValueError]]:
        data = self._bytes()
        try:
            text = _Text(data.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            yield line, ValueError(f"invalid UTF-8 at byte {error.start + 1}")
            return
        try:
            for line, value in self._records(text):
                if not isinstance(value, (dict, ValueError)):
                    value = ValueError(f"not a JSON object but {type(value).__name__}")
                yield line, value
            if text.peek():
                yield text.line(), ValueError("broken JSON: there is more behind the value")
        except ValueError as error:
            reason = f"{error}; the file cannot be read on from here"
            yield text.line(), ValueError(reason)

    def _bytes(self) -> bytes:
        with open_bytes(self._file) as (stream, raw):
            data: bytes = stream.read(MAX_DOCUMENT_BYTES + 1)
            if len(data) > MAX_DOCUMENT_BYTES:
                size = f"{MAX_DOCUMENT_BYTES // 2**30} GiB"
                raise SourceError(
                    f"a JSON document of more than {size}; convert it to JSONL", file=self.path
                )
        self.sha256, self.size = raw.sha256, raw.size
        return data

    def _records(self, text: _Text) -> Iterator[tuple[int, Any]]:
        start = text.peek()
        if start == "[":
            yield from text.items()
        elif start == "{" and self._records_key is not None:
            yield from self._held(text)
        else:
            yield text.item()

    def _held(self, text: _Text) -> Iterator[tuple[int, Any]]:
        """The items of the list of records, or the object as one record."""
        line, self.members = text.line(), {}
        held: list[tuple[int, Any]] | None = None
        broken = None
        try:
            for name in text.names():
                if name == self._records_key and text.peek() == "[":
                    held = held or []
                    held.extend(text.items())
                else:
                    self.members[name] = text.member(name)
        except ValueError as error:
            broken = error
        # Members may stand behind the records, which are given them all the same.
        for place, value in held or ():
            if isinstance(value, dict):
                value[CONTAINER] = self.members
            yield place, value
        if broken is not None:
            raise broken
        if held is None:
            yield line, self.members


class _Text:
    """JSON that is read value by value; a `ValueError` says where it breaks."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line, self._counted = 1, 0

    def peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        match = _SPACE.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._text[self._at : self._at + 1]

    def line(self) -> int:
        """The line of what is next."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = max(self._counted, self._at)
        return self._line

    def items(self) -> Iterator[tuple[int, Any]]:
        """The items of a list, each with its line."""
        for _ in self._between("[", "]"):
            yield self.item()

    def names(self) -> Iterator[str]:
        """The names of an object; the value of each has to be taken before the next."""
        for _ in self._between("{", "}"):
            name = self.value()
            if not isinstance(name, str):
                raise ValueError("broken JSON: a name was expected")
            self._take(":")
            yield name

    def item(self) -> tuple[int, Any]:
        """A record and its line; in the place of one that is passed over, the reason."""
        self.peek()
        line, start = self.line(), self._at
        try:
            value = self._decoded(record_at)
            if self._at - start > MAX_LINE_BYTES:
                value = ValueError(f"longer than {MAX_LINE_BYTES // 2**20} MiB")
        except ValueError as error:
            broken, self._at, value = self._at, _balanced_end(self._text, start), error
            if self._at == start or self.peek() not in (",", "]", ""):
                self._at = broken
                raise
        return line, value

    def member(self, name: str) -> Any:
        """A value that no record can do without."""
        try:
            return self.value()
        except ValueError as error:
            raise ValueError(f"{error} in {name!r:.80}") from None

    def value(self) -> Any:
        """A value that can be stored."""
        return self._decoded(storable_at)

    def _decoded(self, decode: Callable[[str, int], tuple[Any, int]]) -> Any:
        self.peek()
        try:
            value, self._at = decode(self._text, self._at)
        except json.JSONDecodeError as error:
            self._at = error.pos
            raise ValueError(f"broken JSON: {error.msg} at column {error.colno}") from None
        except RecursionError:
            raise ValueError("nested too deeply") from None
        return value

    def _between(self, opening: str, closing: str) -> Iterator[None]:
        self._take(opening)
        while self.peek() != closing:
            yield
            if self.peek() != closing:
                self._take(",")
        self._take(closing)

    def _take(self, character: str) -> None:
        if self.peek() != character:
            raise ValueError(f"broken JSON: {character!r} was expected")
        self._at += 1


def _balanced_end(text: str, start: int) -> int:
    """Behind the bracket that closes the one at `start`; `start` itself if none does, or a text is
    left open."""
    depth, at = 0, start
    while found := _BRACKET_OR_QUOTE.search(text, at):
        at = found.end()
        if found[0] == '"':
            rest = _REST_OF_STRING.match(text, at)
            if rest is None:
                return start
            at = rest.end()
            continue
        depth += 1 if found[0] in "[{" else -1
        if depth <= 0:
            return at if text[start] in "[{" else start
    return start
