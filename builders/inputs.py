"""What a built set is made from beside model and options: source files.

In: sources with their files. Out: scenarios, and digests of files. `datasets` finds a
built set by its config alone; these digests go into the builder's `hash`, so that a set is served
from the cache only if all that it was made from is still the same.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import dataclass
from typing import Any

from datasets import Dataset, concatenate_datasets

from cb_datasets.code_version import code_of
from cb_datasets.errors import SourceError
from cb_datasets.sources import find_source, read_source
from cb_datasets.sources.files.data_files import DataFile
from cb_datasets.sources.files.hub_rows import HUB_OPTIONS, hub_commit, is_hub_repo
from cb_datasets.sources.reading import row_files

logger = logging.getLogger(__name__)

Sources = tuple[tuple[str, tuple[str, ...] | None], ...]
"""Sources by name, each with its files, folders, globs or repo ids; None for a built-in one."""

SourceOptions = tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]
"""Options of sources, by their names."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file of a source: its name without folder and `.gz`, and the SHA-256 of its bytes."""

    source: str
    name: str
    sha256: str


def input_files(sources: Sources, options: SourceOptions = ()) -> tuple[InputFile, ...]:
    """The files of sources as they are now, in the order in which they are read.

    A dataset on the Hub stands here as its repo id, with its commit.

    Raises:
        SourceError: A file is not there or cannot be opened, or the Hub refuses.
    """
    given = {name: dict(own) for name, own in options}
    found = []
    for name, paths in sources:
        own = given.get(name, {})
        for repo in filter(is_hub_repo, paths or ()):
            commit = hub_commit(repo, revision=own.get("revision"), token=own.get("token"))
            found.append(InputFile(name, repo, commit))
        if local := [path for path in paths or () if not is_hub_repo(path)]:
            for file in row_files(find_source(name), local):
                found.append(InputFile(name, file.name, _sha256(DataFile(file.path))))
    return tuple(found)


def option_files(options: SourceOptions) -> list[str]:
    """SHA-256 of the files that options of sources name, such as a mapping, in their order."""
    values = (value for _, own in options for _, value in own)
    paths = (str(value) for value in values if isinstance(value, (str, os.PathLike)))
    return [_sha256(DataFile(path)) for path in paths if os.path.isfile(path)]


def reader_code(name: str) -> str:
    """A hash of the code that reads a source, for those of other packages; see `code_of`."""
    source = find_source(name)
    return code_of(source.make_reader or source.built_in)


def _sha256(file: DataFile) -> str:
    digested = hashlib.sha256()
    with file.open() as stream:
        while block := stream.read(2**20):
            digested.update(block)
    return digested.hexdigest()


def read_scenarios(
    sources: Sources, files: tuple[InputFile, ...], options: SourceOptions = ()
) -> Dataset:
    """The scenarios of sources, in their order; malformed lines are passed over with a warning.

    Args:
        sources: The sources.
        files: What `input_files` found when the cache key was made.
        options: Their options.

    Raises:
        SourceError: What was read is not what the key stands for.
    """
    given = {name: dict(own) for name, own in options}
    commits = {(file.source, file.name): file.sha256 for file in files if is_hub_repo(file.name)}
    reads = []
    for name, paths in sources:
        own = given.get(name, {})
        repos = [path for path in paths or () if is_hub_repo(path)]
        for repo in repos:
            reads.append(read_source(name, repo, **own | {"revision": commits[name, repo]}))
        local = tuple(path for path in paths or () if path not in repos)
        if local or paths is None:
            hub_only = set(HUB_OPTIONS) - set(find_source(name).option_names) if repos else set()
            here = {key: value for key, value in own.items() if key not in hub_only}
            reads.append(read_source(name, local or None, **here))
    reports = [read.report for read in reads]
    read_now = {
        InputFile(report.source, file.name, file.sha256)
        for report in reports
        for file in report.files
        if file.commit is None
    }
    if read_now != {file for file in files if (file.source, file.name) not in commits}:
        raise SourceError("a source file has changed since this builder was made; make it anew")
    for report in reports:
        for warning in report.warnings():
            logger.warning("%s", warning)
    return concatenate_datasets([read.scenarios for read in reads])


def digest(value: Any) -> str:
    """16 hex digits of plain data, the same in every process.

    Example:
        >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
        True
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
