"""The records of a file that is one JSON value: an array of them, or an object that holds them.

In: a `DataFile`, plain or gzip. Out: what `JsonlFile` gives for JSONL. The records are decoded one
by one, so that each has its line, and a broken one costs no other: reading goes on behind the
bracket that closes it. Where no bracket does, as at the end of half a download, it ends there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from cb_datasets.errors import SourceError
from cb_datasets.sources.files.data_files import DataFile
from cb_datasets.sources.files.file_bytes import open_bytes
from cb_datasets.sources.files.json_values import DECODER, check_text, checked_object
from cb_datasets.sources.files.jsonl import MAX_LINE_BYTES
from cb_datasets.sources.rows import CONTAINER, MalformedLine, RawRow, RowPlace

MAX_DOCUMENT_BYTES = 2 * 2**30
"""A larger document is refused: it is held in memory, unlike JSONL."""

_SPACE = re.compile(r"[ \t\r\n]*")
_BRACKET_OR_QUOTE = re.compile(r"""["\[\]{}]""")
# A line end inside a text is a sign that its quote is missing.
_REST_OF_STRING = re.compile(r"""[^"\\\n]*(?:\\.[^"\\\n]*)*\"""")


class JsonDocument:
    """The records of one file; `sha256`, `size` and `lines` are known when they have been read.

    An array's items are the records. Of an object with a list called `records_key` its items are,
    each given the object's other members under `rows.CONTAINER`; any other object is one record.

    Args:
        file: The file.
        records_key: Name of the list of records, where upstream wraps them into an object.

    Attributes:
        sha256: Of the file's bytes as they lie on disk.
        size: Number of those bytes.
        lines: Number of records, malformed ones included.
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
        self.path = file.path
        self.name = file.name
        self.sha256 = ""
        self.size = 0
        self.lines = 0
        self.members: dict[str, Any] = {}
        self._file = file
        self._records_key = records_key

    def __iter__(self) -> Iterator[RawRow | MalformedLine]:
        """Read the file.

        Raises:
            SourceError: If it cannot be read, or is larger than `MAX_DOCUMENT_BYTES`.
        """
        self.lines = 0
        text = self._text()
        if isinstance(text, MalformedLine):
            self.lines = 1
            yield text
            return
        for found in _Decoding(text, self._records_key, self.members).records():
            self.lines += 1
            if isinstance(found.value, dict):
                yield RawRow(RowPlace(self.name, found.line), found.value)
            else:
                yield MalformedLine(self.name, found.line, str(found.value))

    def _text(self) -> str | MalformedLine:
        with open_bytes(self._file) as (stream, raw):
            data = stream.read(MAX_DOCUMENT_BYTES + 1)
            if len(data) > MAX_DOCUMENT_BYTES:
                size = f"{MAX_DOCUMENT_BYTES // 2**30} GiB"
                raise SourceError(
                    f"a JSON document of more than {size}; convert it to JSONL", file=self.path
                )
        self.sha256, self.size = raw.sha256, raw.size
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            return MalformedLine(self.name, line, f"invalid UTF-8 at byte {error.start + 1}")


class _Found:
    """A record, or the reason why there is none, and its line."""

    __slots__ = ("line", "value")

    def __init__(self, value: dict[str, Any] | ValueError, line: int) -> None:
        self.value = value
        self.line = line


class _Decoding:
    """A walk through the text of a document, decoding it value by value."""

    def __init__(self, text: str, records_key: str | None, members: dict[str, Any]) -> None:
        self._text = text
        self._key = records_key
        self._members = members
        self._at = 0
        self._line, self._counted = 1, 0

    def records(self) -> Iterator[_Found]:
        try:
            start = self._peek()
            if start == "[":
                yield from self._items()
            elif start == "{" and self._key is not None:
                yield from self._object()
            else:
                yield self._record()
            if self._peek():
                yield _Found(
                    ValueError("broken JSON: there is more behind the value"), self._here()
                )
        except ValueError as error:
            reason = f"{error}; the file cannot be read on from here"
            yield _Found(ValueError(reason), self._here())

    def _object(self) -> Iterator[_Found]:
        """The items of the list of records, or the object as one record."""
        line, held = self._here(), list[_Found]()
        has_records, broken = False, None
        self._take("{")
        try:
            while self._peek() != "}":
                name = self._name()
                if name == self._key and self._peek() == "[":
                    has_records = True
                    held.extend(self._items())
                else:
                    self._members[name] = self._member(name)
                if self._peek() != "}":
                    self._take(",")
            self._take("}")
        except ValueError as error:
            if not has_records:
                raise
            broken = error
        if not has_records:
            yield _checked(self._members, "", line)
            return
        # Members may stand behind the records, which are given them all the same.
        for found in held:
            if isinstance(found.value, dict):
                found.value[CONTAINER] = self._members
            yield found
        if broken is not None:
            raise broken

    def _name(self) -> str:
        name = self._value()
        if not isinstance(name, str):
            raise ValueError("broken JSON: a name was expected")
        self._take(":")
        return name

    def _member(self, name: str) -> Any:
        """A member beside the records, which none of them can do without."""
        self._peek()
        start = self._at
        value = self._value()
        try:
            check_text(value, self._text[start : self._at])
        except ValueError as error:
            self._at = start
            raise ValueError(f"{error} in {name!r:.80}") from None
        return value

    def _items(self) -> Iterator[_Found]:
        self._take("[")
        while self._peek() != "]":
            yield self._item()
            if self._peek() != "]":
                self._take(",")
        self._take("]")

    def _item(self) -> _Found:
        """A record; a broken one is passed over, where its end can be told."""
        self._peek()
        line, start = self._here(), self._at
        try:
            return self._record()
        except ValueError as error:
            end = _balanced_end(self._text, start)
            if end is None:
                raise
            broken, self._at = self._at, end
            if self._peek() not in (",", "]"):
                self._at = broken
                raise
            return _Found(error, line)

    def _record(self) -> _Found:
        self._peek()
        line, start = self._here(), self._at
        value = self._value()
        if self._at - start > MAX_LINE_BYTES:
            return _Found(ValueError(f"longer than {MAX_LINE_BYTES // 2**20} MiB"), line)
        return _checked(value, self._text[start : self._at], line)

    def _value(self) -> Any:
        self._peek()
        try:
            value, self._at = DECODER.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            self._at = error.pos
            raise ValueError(f"broken JSON: {error.msg} at column {error.colno}") from None
        except RecursionError:
            raise ValueError("nested too deeply") from None
        return value

    def _peek(self) -> str:
        match = _SPACE.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._text[self._at : self._at + 1]

    def _take(self, character: str) -> None:
        if self._peek() != character:
            raise ValueError(f"broken JSON: {character!r} was expected")
        self._at += 1

    def _here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = max(self._counted, self._at)
        return self._line


def _checked(value: Any, text: str, line: int) -> _Found:
    try:
        return _Found(checked_object(value, text), line)
    except ValueError as error:
        return _Found(error, line)


def _balanced_end(text: str, start: int) -> int | None:
    """Behind the bracket that closes the one at `start`; None if there is none, or a text is
    left open."""
    depth, at = 0, start
    while found := _BRACKET_OR_QUOTE.search(text, at):
        at = found.end()
        if found[0] == '"':
            rest = _REST_OF_STRING.match(text, at)
            if rest is None:
                return None
            at = rest.end()
            continue
        depth += 1 if found[0] in "[{" else -1
        if depth <= 0:
            return at if depth == 0 and text[start] in "[{" else None
    return None
