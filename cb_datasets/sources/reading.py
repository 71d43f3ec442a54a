"""A source's files to a `Dataset` of scenarios, with an account of every line.

In: a source's name and files. Out: scenarios as a `Dataset` with `record_features(Scenario)`, and a
report that adds up: each line is a row with scenarios, a skipped row, a repeated one, or a
malformed one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from typing_extensions import TypedDict

from cb_datasets.errors import SourceError
from cb_datasets.options import Option, checked, options_of, unknown_option
from cb_datasets.quoting import error_line
from cb_datasets.records import Scenario
from cb_datasets.sources.files.data_files import DataFiles, resolve_data_files
from cb_datasets.sources.files.hub_rows import HUB_OPTIONS, HubOptions, hub_rows, is_hub_repo
from cb_datasets.sources.files.json_values import check_storable
from cb_datasets.sources.files.row_files import open_row_files
from cb_datasets.sources.read_report import FileReport, ReadReport, RenamedRow, RepeatedRow
from cb_datasets.sources.row_identity import RowIdentities
from cb_datasets.sources.rows import MalformedLine, RawRow, ReadRow, RowFile, SkipRow
from cb_datasets.sources.scenario_keys import check_keys
from cb_datasets.sources.scenario_table import write_checked
from cb_datasets.sources.source import SOURCES, Source, find_source

if TYPE_CHECKING:
    from datasets import Dataset

logger = logging.getLogger(__name__)


class ReadOptions(TypedDict, total=False):
    """How any source is read."""

    max_malformed: Annotated[
        float, Option(0.5, "Share of a file's lines that may be malformed.", ge=0, le=1)
    ]


_HOPELESS = 1000
"""So many malformed lines and no good one: the rest of a file need not be read."""


@dataclass(frozen=True, slots=True)
class SourceRead:
    """What was read: scenarios, and the account of how."""

    scenarios: Dataset
    report: ReadReport


def load_source(name: str, data_files: DataFiles | None = None, **options: Any) -> Dataset:
    """The scenarios of a source.

    Args:
        name: One of `list_sources()`.
        data_files: A file, a folder, a glob, an `hf://` path, a dataset's repo id on the Hub, or a
            list of these; JSONL, and where the source has them JSON and Parquet; `.gz` files are
            read as they are. None for a source that needs no files.
        **options: `max_malformed`, the share of a file's lines that may be malformed (0.5); for
            the Hub `revision`, `token`, `config` and `split`; and the source's own, such as
            `turns` ("all", "first" or "decisive") and `mapping` (see `cb-datasets sources`).

    Returns:
        A `Dataset` with `record_features(Scenario)`, in the order of the files. Malformed lines are
        passed over with a warning; `read_source` names each of them.

    Raises:
        SourceError: If the source is unknown, a file cannot be read as this source, or too many of
            its lines are malformed.

    Example:
        >>> load_source("agentdojo", "traces/")
        Traceback (most recent call last):
        ...
        cb_datasets.errors.SourceError: traces/: there is no such file or folder
    """
    read = read_source(name, data_files, **options)
    for warning in read.report.warnings():
        logger.warning("%s", warning)
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
    known = {key for concern in read_concerns(source) for key in options_of(concern)}
    if strange := [key for key in options if key not in known]:
        raise SourceError(unknown_option(strange[0], sorted(known), f"the source {name!r}"))
    own = {key: value for key, value in options.items() if key in source.option_names}
    hub = {key: options[key] for key in HUB_OPTIONS if options.get(key) is not None}
    how = {key: value for key, value in options.items() if key in options_of(ReadOptions)}
    max_malformed = checked(ReadOptions, how, SourceError)["max_malformed"]
    checked(HubOptions, hub, SourceError)
    report = ReadReport(source.name)
    read_row = source.reader(**own) if source.needs_files else None
    reading = _Reading(source, report, read_row, max_malformed)
    scenarios = reading.scenarios(data_files, hub)
    return SourceRead(write_checked(scenarios, source.name), report)


def read_concerns(source: Source) -> tuple[type[Mapping[str, Any]], ...]:
    """What the options are of, that a read of a source takes: its own, any read's, the Hub's."""
    return (source.options, ReadOptions, HubOptions)


def row_files(source: Source, data_files: DataFiles, **hub: Any) -> Iterator[RowFile]:
    """The files of a source, here and on the Hub, each opened by the reader its format needs.

    Args:
        source: The source.
        data_files: See `load_source`.
        **hub: What of a repo on the Hub is read (`cb_datasets.sources.files.hub_rows.HUB_OPTIONS`).

    Raises:
        SourceError: A file is not there, or the Hub refuses.
    """
    several = isinstance(data_files, (list, tuple))
    given: list[Any] = list(data_files) if several else [data_files]  # type: ignore[arg-type]
    on_hub = [item for item in given if is_hub_repo(item)]
    if not on_hub and (useless := sorted(set(hub) - set(source.option_names))):
        raise SourceError(
            f"{', '.join(useless)} is for a dataset on the Hub (owner/name), and "
            f"{given[0] if given else data_files!r} is none"
        )
    for repo in on_hub:
        yield from hub_rows(str(repo), source, **hub)
    local = [item for item in given if item not in on_hub]
    if local or not given:
        files = resolve_data_files(local, suffixes=source.suffixes)
        open_files = source.open_files or partial(open_row_files, records_key=source.records_key)
        yield from open_files(files)


class _Reading:
    """One reading of a source: it counts while scenarios pass."""

    def __init__(
        self, source: Source, report: ReadReport, read_row: ReadRow | None, max_malformed: float
    ) -> None:
        self._source = source
        self._report = report
        self._max_malformed = max_malformed
        self._identities = RowIdentities()
        self._read_row = read_row

    def scenarios(self, data_files: DataFiles | None, hub: dict[str, Any]) -> Iterator[Scenario]:
        name = self._source.name
        if self._read_row is None:
            if data_files is not None:
                raise SourceError(f"the source {name!r} is built in and takes no data_files")
            for scenario in self._source.built_in() if self._source.built_in else ():
                check_keys(scenario)
                yield self._counted(scenario)
            return
        if data_files is None:
            raise SourceError(
                f"the source {name!r} needs data_files: a file, folder or glob, or a Hub repo id"
            )
        for file in row_files(self._source, data_files, **hub):
            yield from self._of_file(file)
        self._check_all()

    def _of_file(self, file: RowFile) -> Iterator[Scenario]:
        report = self._report
        already = len(report.malformed)
        for raw in file:
            found = self._of_row(raw)
            if isinstance(found, MalformedLine):
                report.malformed.append(found)
                if len(report.malformed) - already == file.lines == _HOPELESS:
                    break
                continue
            yield from found
        malformed = report.malformed[already:]
        pointer = len(malformed) == 1 and "git-lfs pointer" in malformed[0].reason
        too_many = len(malformed) > self._max_malformed * file.lines
        # A file of one record, as in a folder of runs, is judged with all the others.
        alone = pointer or file.lines <= 1
        if not alone and malformed and (too_many or len(malformed) == file.lines):
            raise _unreadable(file.path, file.lines, malformed)
        report.lines += file.lines
        facts = FileReport(file.name, file.sha256, file.size, file.lines, file.commit)
        report.files.append(facts)

    def _of_row(self, raw: RawRow | MalformedLine) -> list[Scenario] | MalformedLine:
        if isinstance(raw, MalformedLine):
            return raw
        assert self._read_row is not None
        report = self._report
        try:
            scenarios = list(self._read_row(raw.row, raw.place))
            for scenario in scenarios:
                check_keys(scenario, raw.place)
                _check_storable(scenario)
        except SkipRow as skip:
            report.skipped[str(skip)] += 1
            return []
        except ValueError as error:
            return MalformedLine(raw.place.file, raw.place.line, str(error))
        except (LookupError, TypeError, AttributeError) as error:
            # In a reader of another package that is a row it did not expect; in one of ours, a bug.
            if self._source.name in SOURCES.built_in:
                raise
            reason = f"it cannot be read ({error_line(error)})"
            return MalformedLine(raw.place.file, raw.place.line, reason)
        new = self._identities.new(scenarios)
        if new is None:
            name = scenarios[0]["id"]
            report.repeated.append(RepeatedRow(raw.place.file, raw.place.line, name))
            return []
        report.rows += 1
        ids = [scenario["id"] for scenario in scenarios]
        if named := [scenario["id"] for scenario in new if scenario["id"] not in ids]:
            place = raw.place
            report.renamed.append(RenamedRow(place.file, place.line, ids[-1], named[-1]))
        return [self._counted(scenario) for scenario in new]

    def _counted(self, scenario: Scenario) -> Scenario:
        self._report.count(scenario)
        return scenario

    def _check_all(self) -> None:
        report = self._report
        report.notes += getattr(self._read_row, "notes", ())
        if not report.lines:
            names = ", ".join(file.name for file in report.files)
            raise SourceError("the file holds no rows", file=names or None)
        malformed = len(report.malformed)
        if malformed == report.lines or malformed > self._max_malformed * report.lines:
            raise _unreadable(report.malformed[0].file, report.lines, report.malformed)


def _check_storable(scenario: Scenario) -> None:
    """Refuse what readers decode from texts of a row, such as arguments, and no column can hold.

    Raises:
        ValueError: With the reason.
    """
    check_storable(scenario["messages"])
    expected, recorded = scenario["expected"], scenario.get("recorded")
    patterns = [*expected["calls"], *(expected.get("task_calls") or ())]
    if attack := scenario.get("attack"):
        patterns = [*patterns, *attack["targets"]]
    for pattern in patterns:
        check_storable(pattern["arguments"])
    if recorded:
        for call in [*recorded["calls"], *recorded["later_calls"]]:
            check_storable(call["arguments"])
        check_storable(recorded["content"])


def _unreadable(path: str, lines: int, malformed: list[MalformedLine]) -> SourceError:
    first = malformed[0]
    return SourceError(
        f"{first.reason} ({len(malformed)} of {lines} lines are malformed, this is the first; "
        "expected one record of this source a line)",
        file=path,
        line=first.line,
    )
