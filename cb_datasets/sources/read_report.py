"""What became of every line of a source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from cb_datasets.quoting import printable
from cb_datasets.records import Scenario
from cb_datasets.sources.rows import MalformedLine


@dataclass(frozen=True, slots=True)
class FileReport:
    """A file that was read.

    Attributes:
        name: Its name without folder and `.gz`.
        sha256: Of its bytes as they lie on disk.
        bytes: Number of those.
        lines: Its lines that are not blank.
        commit: The commit of a dataset on the Hub that it was read at; None for other files.
    """

    name: str
    sha256: str
    bytes: int
    lines: int
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class RepeatedRow:
    """A row whose scenario is there already, from a row before it."""

    file: str
    line: int
    scenario_id: str


@dataclass(frozen=True, slots=True)
class RenamedRow:
    """A row with the id of a row before it and other content: what it came as, and what it is."""

    file: str
    line: int
    came_as: str
    scenario_id: str


@dataclass(slots=True)
class ReadReport:
    """What became of every line.

    Attributes:
        source: Name of the source.
        files: The files, in the order they were read.
        lines: Lines that are not blank; `rows` + `skipped` + `repeated` + `malformed` adds up to
            it.
        rows: Rows that gave scenarios, or share the one they would give.
        scenarios: Number of scenarios.
        skipped: Rows that are fine but no record, by reason.
        repeated: Rows with the id and the content of a row before them.
        renamed: Rows, counted among `rows`, that have the id of a row before them and other
            content: they are named by their content as well.
        malformed: Lines that were passed over.
        set_aside: Scenarios fit for no set, by the code of their reason.
        notes: What the source's reader has to say of all rows.
    """

    source: str
    files: list[FileReport] = field(default_factory=list)
    lines: int = 0
    rows: int = 0
    scenarios: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    repeated: list[RepeatedRow] = field(default_factory=list)
    renamed: list[RenamedRow] = field(default_factory=list)
    malformed: list[MalformedLine] = field(default_factory=list)
    set_aside: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def count(self, scenario: Scenario) -> None:
        """Take note of a scenario that was read."""
        self.scenarios += 1
        if (reason := scenario.get("set_aside")) is not None:
            self.set_aside[reason.partition(":")[0]] += 1

    def warnings(self) -> Iterator[str]:
        """What a user ought to hear of, in a sentence each, printable whatever the lines hold."""
        for what, found in (
            ("malformed lines", [(m.file, m.line, m.reason) for m in self.malformed]),
            (
                "repeated rows",
                [
                    (r.file, r.line, f"the scenario {r.scenario_id} is there already")
                    for r in self.repeated
                ],
            ),
        ):
            if found:
                file, line, reason = found[0]
                yield printable(
                    f"{self.source}: {len(found)} {what} of {self.lines} were passed over; the "
                    f"first is {file}, line {line}: {reason}",
                    limit=None,
                )
        if self.renamed:
            first = self.renamed[0]
            yield (
                f"{self.source}: {len(self.renamed)} rows of {self.lines} have the id of another "
                f"row, with other content, and were given one of their own; the first is "
                f"{first.file}, line {first.line}: {first.came_as} is {first.scenario_id} here"
            )
        yield from (printable(note, limit=None) for note in self.notes)

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
            "repeated": [asdict(row) for row in self.repeated],
            "renamed": [asdict(row) for row in self.renamed],
            "malformed": [asdict(line) for line in self.malformed],
            "set_aside": dict(sorted(self.set_aside.items())),
        }
