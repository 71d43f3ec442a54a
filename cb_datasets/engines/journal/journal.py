"""A journal: every finished sample on storage, under a name made of all that determines it.

Generations go in as they finish and come back when the same sample is asked for again, in this
process or another. It lies in a local folder or under any fsspec URL, as parts with one writer
each (`journal_part`), so that processes share it without locks.
"""

from __future__ import annotations

import json
import os
import threading
import time
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from typing import Any

from cb_datasets.engines.journal.options import JournalOptions, Resume
from cb_datasets.engines.journal.part import (
    PART_NAME,
    LinePart,
    ObjectParts,
    check_header,
    is_header,
    is_sample,
    line_of,
    record_of,
)
from cb_datasets.engines.protocol import Generation
from cb_datasets.errors import EngineError
from cb_datasets.options import checked
from cb_datasets.quoting import error_line, printable

LOCAL_SYNC_SECONDS = 2.0
"""How long a sample in a local journal may wait for `fsync`. The end of the process, however it
comes, it survives at once."""

REMOTE_SYNC_SECONDS = 5.0
"""How long a sample may wait to be written to storage that takes whole objects only."""

REFRESH_SECONDS = 5.0
"""How often to look for samples that other processes have finished."""

SYNC_ATTEMPTS = 6
"""So many failed writes in a row, and generation stops rather than go on unwritten."""


class Journal:
    """Finished samples, kept on storage.

    Args:
        url: A local folder, or an fsspec URL such as `s3://bucket/run` or `memory://run`.
        resume: `auto` goes on where there is something to go on from, `always` insists that
            there is, `never` takes nothing from what is there and writes beside it.

    Raises:
        EngineError: No such mode.

    Example:
        >>> with Journal("memory://doc") as journal:
        ...     journal.add("f00d", Generation("a", [7], "<|eot_id|>", "stop"))
        >>> Journal("memory://doc").get("f00d").token_ids
        [7]
    """

    def __init__(self, url: str | os.PathLike[str], resume: Resume = "auto") -> None:
        checked(JournalOptions, {"resume": resume}, EngineError)
        text = os.fspath(url)
        self.url = text if "://" in text else os.path.abspath(os.path.expanduser(text))
        self.resume = resume
        self._begin_anew = resume == "never"
        self._pid = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return Journal, (self.url, self.resume)

    def __enter__(self) -> Journal:
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __len__(self) -> int:
        self.open()
        return len(self._found)

    def open(self) -> None:
        """Read what is there; done on first use in each process, a fork included.

        Raises:
            EngineError: The storage cannot be reached, holds a journal of another version, or
                has nothing to resume where `resume` is `always`.
        """
        if self._pid == os.getpid():
            return
        import fsspec

        self._found: dict[str, bytes] = {}
        self._read: dict[str, int] = {}
        self._lock = threading.Lock()
        self._stop: threading.Event | None = None
        self._failures = 0
        self._looked = 0.0
        try:
            self._fs, self._root = fsspec.core.url_to_fs(self.url)
            with _system_errors():
                self._fs.makedirs(self._root, exist_ok=True)
            # With `datasets`, fsspec's own local class; with plain fsspec, one of several names.
            self._local = "file" in (
                (self._fs.protocol,) if isinstance(self._fs.protocol, str) else self._fs.protocol
            )
            self._part: LinePart | ObjectParts = (
                LinePart(self._root) if self._local else ObjectParts(self._put, self._delete)
            )
            self._read_parts(name_torn=True)
        except (OSError, ValueError, ImportError) as error:
            raise EngineError(
                f"The journal {self.url} cannot be opened ({error_line(error)})."
            ) from error
        if self.resume == "always" and not self._found:
            raise EngineError(
                f"There is nothing to resume in the journal {self.url}; use resume='auto' to "
                "begin one."
            )
        if self._begin_anew:
            self._found.clear()
        self._pid = os.getpid()

    def get(self, sample: str) -> Generation | None:
        """A finished sample, or `None`; the key is that of the request that made it."""
        self.open()
        if sample not in self._found and time.monotonic() - self._looked > REFRESH_SECONDS:
            # What cannot be seen now is made again at worst; whether to go on, writing decides.
            with suppress(OSError):
                self._read_parts(name_torn=False)
            self._looked = time.monotonic()
        text = self._found.get(sample)
        if text is None:
            return None
        record = json.loads(text)
        return Generation(
            key=record["key"],
            token_ids=record["ids"],
            text=record["text"],
            finish_reason=record["finish"],
            logprob=record["logprob"],
        )

    def add(self, sample: str, generation: Generation) -> None:
        """Keep a finished sample.

        Raises:
            EngineError: The storage takes no more.
        """
        self.open()
        line = line_of(
            {
                "id": sample,
                "key": generation.key,
                "finish": generation.finish_reason,
                "ids": list(generation.token_ids),
                "text": generation.text,
                "logprob": generation.logprob,
            }
        )
        if self._failures >= SYNC_ATTEMPTS:
            self.flush()
        with self._lock:
            try:
                self._part.add(line)
            except OSError as error:
                raise self._unwritable(error) from error
            self._found[sample] = line[9:-1]
        if self._stop is None:
            self._stop = threading.Event()
            every = LOCAL_SYNC_SECONDS if self._local else REMOTE_SYNC_SECONDS
            arguments = (weakref.ref(self), self._stop, every)
            threading.Thread(target=_sync_every, args=arguments, daemon=True).start()

    def refresh(self) -> None:
        """Take note of what other processes have finished since."""
        self.open()
        try:
            self._read_parts(name_torn=False)
        except OSError as error:
            raise EngineError(
                f"The journal {self.url} cannot be read ({error_line(error)})."
            ) from error

    def flush(self) -> None:
        """Return when every sample that was added is safe.

        Raises:
            EngineError: The storage takes no more.
        """
        if self._pid != os.getpid():
            return
        with self._lock:
            try:
                self._part.sync()
                self._failures = 0
            except OSError as error:
                raise self._unwritable(error) from error

    def close(self) -> None:
        """Flush, and let go of the storage; a later use opens the journal again."""
        if self._pid != os.getpid():
            return
        try:
            self.flush()
        finally:
            if self._stop is not None:
                self._stop.set()
            if isinstance(self._part, LinePart):
                self._part.close()
            self._pid = 0
            # What this object wrote is not to be left aside when it is used again.
            self._begin_anew = False

    def _unwritable(self, error: Exception) -> EngineError:
        return EngineError(f"The journal {self.url} cannot be written ({error_line(error)}).")

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _put(self, name: str, content: bytes) -> None:
        with _system_errors():
            self._fs.pipe_file(self._at(name), content)

    def _delete(self, names: list[str]) -> None:
        with _system_errors():
            self._fs.rm([self._at(name) for name in names])

    def _mine(self, name: str) -> bool:
        if isinstance(self._part, LinePart):
            return name == self._part.name
        return name in self._part.names

    def _read_parts(self, *, name_torn: bool) -> None:
        self._looked = time.monotonic()
        for _ in range(10):
            with _system_errors():
                self._fs.invalidate_cache(self._root)
                sizes = {name: size for name, size in self._parts() if not self._mine(name)}
            try:
                for name in sorted(sizes):
                    if sizes[name] > self._read.get(name, 0):
                        self._read_part(name, name_torn)
                return
            except FileNotFoundError:
                # Its writer has merged it into another since.
                continue
        raise OSError("its parts keep changing")

    def _parts(self) -> Iterator[tuple[str, int]]:
        """Name and size of each part."""
        try:
            listed = self._fs.ls(self._root, detail=True)
        except FileNotFoundError:
            # Object stores have no empty folders.
            return
        for info in listed:
            name = info["name"].rsplit("/", 1)[-1]
            if fnmatch(name, PART_NAME):
                yield name, info["size"]

    def _read_part(self, name: str, name_torn: bool) -> None:
        offset = self._read.get(name, 0)
        with _system_errors():
            content: bytes = self._fs.cat_file(self._at(name), start=offset or None)
        *lines, rest = content.split(b"\n")
        at = offset
        for line in lines:
            record = record_of(line)
            # Where parts were made one by hand, a header stands between samples.
            if not at or is_header(record):
                check_header(record, printable(f"{self.url}/{name}", None))
            elif record is not None and is_sample(record):
                self._found[record["id"]] = line[9:]
            else:
                self._name_damage(name, at)
            at += len(line) + 1
        self._read[name] = offset + len(content) - len(rest)
        if rest and name_torn:
            self._name_damage(name, self._read[name])

    def _name_damage(self, name: str, offset: int) -> None:
        part = printable(f"{self.url}/{name}", None)
        warnings.warn(
            f"The journal part {part} has a torn record at byte {offset}; it is dropped, and its "
            "sample will be made again.",
            stacklevel=2,
        )


@contextmanager
def _system_errors() -> Iterator[None]:
    """Have whatever goes wrong with storage be the system's error, as it is with files."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # storage clients raise types of their own
        raise OSError(error_line(error)) from error


def _sync_every(journal: weakref.ref[Journal], stop: threading.Event, seconds: float) -> None:
    while not stop.wait(seconds):
        found = journal()
        if found is None:
            return
        try:
            found.flush()
        except EngineError:
            found._failures += 1
        del found
