"""From what a user points at to files, in an order that does not depend on the file system.

In: `data_files`: a file, a folder, a glob, an `hf://` path, or a list of these. Out: the files
they stand for. What is inside is read by `cb_datasets.sources.files.jsonl`.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from cb_datasets.errors import SourceError
from cb_datasets.quoting import reason_of
from cb_datasets.sources.files.local_paths import check_regular, files_like, files_under

DataFiles = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

SUFFIXES = (".jsonl", ".ndjson")
"""What a folder is searched for, each with `.gz` too. A file that is named outright may be called
anything."""

_HUB = "hf://"


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file to read, here or on the Hub.

    Attributes:
        path: What a user knows it by.
        download: Where its bytes lie, if not there.

    Example:
        >>> DataFile("traces/gpt 4o.jsonl.gz").name
        'gpt 4o.jsonl'
    """

    path: str
    download: str | None = None

    @property
    def name(self) -> str:
        """Name without folder and `.gz`: what provenance and reports call the file."""
        return os.path.basename(self.path.rstrip("/")).removesuffix(".gz")

    def open(self) -> BinaryIO:
        """The file's bytes, to be read from the start.

        Raises:
            SourceError: If it cannot be opened.
        """
        try:
            if self.download is None and self.path.startswith(_HUB):
                return cast(BinaryIO, _hub().open(self.path, "rb"))
            check_regular(self.download or self.path)
            return open(self.download or self.path, "rb")
        except SourceError:
            raise
        except Exception as error:
            raise SourceError(f"cannot be opened ({reason_of(error)})", file=self.path) from error


def resolve_data_files(data_files: DataFiles, suffixes: Sequence[str] = SUFFIXES) -> list[DataFile]:
    """The files that `data_files` stands for.

    Args:
        data_files: A file, a folder (searched in depth, through links to folders, hidden files
            left out), a glob, an `hf://` path to one of these, or a list of these.
        suffixes: What a folder is searched for, each with `.gz` too.

    Returns:
        Files in the order given, those of a folder or glob sorted by path; a file that is named
        twice is read once.

    Raises:
        SourceError: If a path does not exist or is a pipe, a socket or a device, a folder holds no
            file to read or cannot be read, a link in it leads nowhere, or a glob matches none.

    Example:
        >>> resolve_data_files("no/such/file.jsonl")
        Traceback (most recent call last):
        ...
        cb_datasets.errors.SourceError: no/such/file.jsonl: there is no such file or folder
    """
    single = isinstance(data_files, (str, os.PathLike))
    given = [data_files] if single else list(cast(Iterable[Any], data_files))
    if not given:
        raise SourceError("data_files is an empty list, expected a file, a folder or a glob")
    found: dict[str, DataFile] = {}
    wanted = tuple(suffix + end for suffix in suffixes for end in ("", ".gz"))
    for item in given:
        if not isinstance(item, (str, os.PathLike)):
            raise SourceError(f"data_files holds {item!r}, expected a path as text")
        path = os.fspath(item)
        expand = _expand_hub if path.startswith(_HUB) else _expand_local
        for file in expand(path, wanted):
            identity = file if file.startswith(_HUB) else os.path.realpath(file)
            found.setdefault(identity, DataFile(file))
    return list(found.values())


def _expand_local(given: str, suffixes: tuple[str, ...]) -> list[str]:
    path = os.path.expanduser(given)
    # A name that exists is taken literally, so that brackets in it are no pattern.
    if os.path.isfile(path):
        return [path]
    if os.path.isdir(path):
        return _in_folder(path, suffixes)
    check_regular(path)
    if not glob.has_magic(path):
        raise SourceError("there is no such file or folder", file=given)
    if not (matches := files_like(path)):
        raise SourceError("no file matches this pattern", file=given)
    return matches


def _in_folder(folder: str, suffixes: tuple[str, ...]) -> list[str]:
    files, others = [], 0
    for path in files_under(folder):
        if path.endswith(suffixes):
            files.append(path)
        else:
            others += 1
    if not files:
        raise SourceError(_nothing_to_read(others, suffixes), file=folder)
    return sorted(files)


def _expand_hub(path: str, suffixes: tuple[str, ...]) -> list[str]:
    try:
        hub = _hub()
        if glob.has_magic(path):
            matches = [_HUB + match for match in hub.glob(path)]
        elif hub.isfile(path):
            return [path]
        elif hub.isdir(path):
            inside = [_HUB + name for name in hub.find(path)]
            matches = [name for name in inside if name.endswith(suffixes)]
            if not matches:
                raise SourceError(_nothing_to_read(len(inside), suffixes), file=path)
        else:
            raise SourceError("there is no such file or folder on the Hub", file=path)
    except SourceError:
        raise
    except Exception as error:
        raise SourceError(f"the Hub cannot be read ({reason_of(error)})", file=path) from error
    if not matches:
        raise SourceError("no file matches this pattern", file=path)
    return sorted(matches)


def _nothing_to_read(others: int, suffixes: tuple[str, ...]) -> str:
    inside = f"it holds {others} other file{'s' if others > 1 else ''}" if others else "it is empty"
    return f"the folder holds no {', '.join(suffixes)} file ({inside})"


def _hub() -> Any:
    # Loaded here: most reads are local, and the client takes a while to import.
    from huggingface_hub import HfFileSystem

    return HfFileSystem()
