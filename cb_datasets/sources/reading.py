"""A source's files to a `Dataset` of scenarios, with an account of every line.

In: a source's name and files. Out: scenarios as a `Dataset` with `record_features(Scenario)`, and a
report that adds up: each line is a row with scenarios, a skipped row, or a malformed line.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import SourceError
from cb_datasets.records import Scenario
from cb_datasets.sources.files import DataFile, DataFiles, resolve_data_files
from cb_datasets.sources.jsonl import JsonlFile, MalformedLine, RawRow
from cb_datasets.sources.registry import Source, find_source
from cb_datasets.sources.rows import ReadRow, SkipRow
from cb_datasets.sources.scenario_table import write_scenarios

if TYPE_CHECKING:
    from datasets import Dataset

logger = logging.getLogger(__name__)

_HOPELESS = 1000
"""So many malformed lines and no good one: the rest of a file need not be read."""


@dataclass(frozen=True, slots=True)
class FileReport:
    """A file that was read: name without folder and `.gz`, SHA-256 and size on disk, lines."""

    name: str
    sha256: str
    bytes: int
    lines: int


@dataclass(slots=True)
class ReadReport:
    """What became of every line.

    Attributes:
        source: Name of the source.
        files: The files, in the order they were read.
        lines: Lines that are not blank; `rows` + `skipped` + `malformed` adds up to it.
        rows: Rows that gave scenarios.
        scenarios: Number of scenarios.
        skipped: Rows that are fine but no record, by reason.
        malformed: Lines that were passed over.
        set_aside: Scenarios fit for no set, by the code of their reason.
    """

    source: str
    files: list[FileReport] = field(default_factory=list)
    lines: int = 0
    rows: int = 0
    scenarios: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    malformed: list[MalformedLine] = field(default_factory=list)
    set_aside: Counter[str] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON data.

        Example:
            >>> ReadReport("demo", scenarios=3).to_dict()["scenarios"]
            3
        """
        return {
            "source": self.source,
            "files": [asdict(file) for file in self.files],
            "lines": self.lines,
            "rows": self.rows,
            "scenarios": self.scenarios,
            "skipped": dict(self.skipped),
            "malformed": [asdict(line) for line in self.malformed],
            "set_aside": dict(sorted(self.set_aside.items())),
        }


@dataclass(frozen=True, slots=True)
class SourceRead:
    """What was read: scenarios, and the account of how."""

    scenarios: Dataset
    report: ReadReport


def load_source(name: str, data_files: DataFiles | None = None, **options: Any) -> Dataset:
    """The scenarios of a source.

    Args:
        name: One of `list_sources()`.
        data_files: A file, a folder, a glob, an `hf://` path, or a list of these; `.gz` files are
            read as they are. None for a source that needs no files.
        **options: `max_malformed`, the share of a file's lines that may be malformed (0.5).

    Returns:
        A `Dataset` with `record_features(Scenario)`, in the order of the files. Malformed lines are
        passed over with a warning; `read_source` names each of them.

    Raises:
        SourceError: If the source is unknown, a file cannot be read as this source, too many of
            its lines are malformed, or two scenarios have the same id.

    Example:
        >>> load_source("agentdojo", "traces/")
        Traceback (most recent call last):
        ...
        cb_datasets.errors.SourceError: traces/: there is no such file or folder
    """
    read = read_source(name, data_files, **options)
    if malformed := read.report.malformed:
        first = malformed[0]
        logger.warning(
            "%s: %d malformed lines of %d were passed over; the first is %s, line %d: %s",
            *(name, len(malformed), read.report.lines, first.file, first.line, first.reason),
        )
    return read.scenarios


def read_source(name: str, data_files: DataFiles | None = None, **options: Any) -> SourceRead:
    """The scenarios of a source, and what became of every line.

    Takes and raises what `load_source` does.

    Example:
        >>> read_source("demo", "a.jsonl")
        Traceback (most recent call last):
        ...
        cb_datasets.errors.SourceError: the source 'demo' is built in and takes no data_files
    """
    source = find_source(name)
    max_malformed = options.pop("max_malformed", 0.5)
    if options:
        raise SourceError(f"the source {name!r} has no option {', '.join(sorted(options))}")
    report = ReadReport(source.name)
    scenarios = _scenarios(source, data_files, report, max_malformed)
    return SourceRead(write_scenarios(_checked(scenarios, report), source.name), report)


def _scenarios(
    source: Source, data_files: DataFiles | None, report: ReadReport, max_malformed: float
) -> Iterator[Scenario]:
    if source.read_row is None:
        if data_files is not None:
            raise SourceError(f"the source {source.name!r} is built in and takes no data_files")
        yield from source.built_in() if source.built_in else ()
        return
    if data_files is None:
        raise SourceError(f"the source {source.name!r} needs data_files: a file, folder or glob")
    for file in resolve_data_files(data_files):
        yield from _file_scenarios(file, source.read_row, report, max_malformed)


def _file_scenarios(
    file: DataFile, read_row: ReadRow, report: ReadReport, max_malformed: float
) -> Iterator[Scenario]:
    lines = JsonlFile(file)
    already = len(report.malformed)
    for raw in lines:
        found = _read_line(raw, read_row, report)
        if isinstance(found, MalformedLine):
            report.malformed.append(found)
            malformed = len(report.malformed) - already
            if malformed == lines.lines == _HOPELESS:
                break
            continue
        yield from found
    malformed = len(report.malformed) - already
    if malformed == lines.lines or malformed > max_malformed * lines.lines:
        raise _unreadable(file, lines.lines, report.malformed[already:])
    report.lines += lines.lines
    report.files.append(FileReport(file.name, lines.sha256, lines.size, lines.lines))


def _read_line(
    raw: RawRow | MalformedLine, read_row: ReadRow, report: ReadReport
) -> list[Scenario] | MalformedLine:
    if isinstance(raw, MalformedLine):
        return raw
    try:
        scenarios = list(read_row(raw.row, raw.place))
    except SkipRow as skip:
        report.skipped[str(skip)] += 1
        return []
    except ValueError as error:
        return MalformedLine(raw.place.file, raw.place.line, str(error))
    report.rows += 1
    return scenarios


def _unreadable(file: DataFile, lines: int, malformed: list[MalformedLine]) -> SourceError:
    if not lines:
        return SourceError("the file holds no rows", file=file.path)
    first = malformed[0]
    return SourceError(
        f"{first.reason} ({len(malformed)} of {lines} lines are malformed, this is the first; "
        "expected JSONL: one record of this source a line)",
        file=file.path,
        line=first.line,
    )


def _checked(scenarios: Iterable[Scenario], report: ReadReport) -> Iterator[Scenario]:
    """Pass scenarios on, counted, and refuse an id that comes twice."""
    ids: set[str] = set()
    twice: list[str] = []
    for scenario in scenarios:
        if scenario.id in ids:
            twice.append(scenario.id)
            continue
        ids.add(scenario.id)
        report.scenarios += 1
        if scenario.set_aside is not None:
            report.set_aside[scenario.set_aside.partition(":")[0]] += 1
        yield scenario
    if twice:
        named = ", ".join(twice[:5]) + (", ..." if len(twice) > 5 else "")
        raise SourceError(f"{len(twice)} scenario ids come twice: {named}; was a file given twice?")
