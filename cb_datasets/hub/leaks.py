"""What must not leave this machine with a dataset: anyone's secrets, its own paths and names.

In: a folder's files. Out: what was found, by file, place and rule, in words that do not repeat it.
Who pushes may accept a find by its name, `PATH:RULE`.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from cb_datasets.errors import HubError
from cb_datasets.hub.column_texts import row_of, texts_of
from cb_datasets.hub.secret_rules import secret_rules, secrets_in
from cb_datasets.options import hint_at

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

_TOKEN, _ENVIRONMENT, _PLACE, _HOME, _MACHINE = (
    "token-in-use",
    "environment",
    "own-path",
    "home-path",
    "machine-name",
)
_OWN = {
    _TOKEN: "the access token in use",
    _ENVIRONMENT: "a secret of this machine's environment",
    _PLACE: "a path of this machine",
    _HOME: "a path of somebody's home folder",
    _MACHINE: "the name of this machine",
}
_HOMES = re.compile(r"(?<![\w.])/(?:home|Users)/[\w.-]+|\b[A-Z]:\\+Users\\+\w")
_SECRET_NAMES = re.compile(r"(?:TOKEN|SECRET|PASSWORD|PASSWD|KEY)$", re.IGNORECASE)
_MIXED = re.compile(r"(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{8,}")
_CANARY = re.compile(r"canary[ _-]?(?:guid|string)", re.IGNORECASE)
_LONG_ENOUGH = 8
_SAID = 3


@dataclass(frozen=True, slots=True)
class Leak:
    """A find.

    Attributes:
        path: The file, in the folder.
        place: Where in it.
        rule: What was found, as one word.
        serious: Whether it stops a push that does not accept it.
    """

    path: str
    place: str
    rule: str
    serious: bool = True

    @property
    def name(self) -> str:
        """What it is accepted by."""
        return f"{self.path}:{self.rule}"

    def __str__(self) -> str:
        return f"{self.path}, {self.place}, holds {_OWN.get(self.rule, f'a secret ({self.rule})')}"


class LeakFinder:
    """Looks for leaks.

    Args:
        folder: The dataset folder, whose own place is a path of this machine.
        token: The token in use.
    """

    def __init__(self, folder: Path, token: str | None) -> None:
        self._exact = list(_exact(folder, token))

    def in_text(self, path: str, text: str) -> list[Leak]:
        """Leaks of a text file: one a rule. Any home folder is one: texts are written here."""
        rules = self._rules(text, any_home=True)
        lines = [self._rules(line, any_home=True) for line in text.splitlines()] if rules else []
        leaks = []
        for rule in rules:
            number = next((n for n, found in enumerate(lines, start=1) if rule in found), None)
            place = "several lines" if number is None else f"line {number}"
            leaks.append(Leak(path, place, rule))
        return leaks

    def in_rows(self, path: str, file: Path) -> list[Leak]:
        """Leaks of a parquet file: one a column and rule.

        Paths and names of others are data there. This machine's home is found, but is no serious
        leak: many a sandbox has the same.
        """
        import pyarrow.parquet as pq  # type: ignore[import-untyped]

        found: dict[tuple[str, str], Leak] = {}
        first = 0
        with pq.ParquetFile(file) as rows:
            for batch in rows.iter_batches(batch_size=1000):
                for column, rule, number in self._in_batch(batch, found):
                    row = "" if number is None else f"row {first + number}, "
                    leak = Leak(path, f"{row}column {column}", rule, serious=rule != _HOME)
                    found.setdefault((column, rule), leak)
                first += len(batch)
        return list(found.values())

    def _in_batch(
        self, batch: pa.RecordBatch, known: Collection[tuple[str, str]]
    ) -> Iterator[tuple[str, str, int | None]]:
        """Column, rule and row of each find whose column and rule are not known yet."""
        for name, values in zip(batch.schema.names, batch.columns, strict=True):
            for column, texts in texts_of(name, values):
                for text in texts.unique().drop_null().to_pylist():
                    for rule in self._rules(text):
                        if rule != _MACHINE and (column, rule) not in known:
                            yield column, rule, row_of(values, text)

    def _rules(self, text: str, *, any_home: bool = False) -> list[str]:
        own = [rule for rule, pattern in self._exact if pattern.search(text)]
        if any_home and _HOMES.search(text):
            own.append(_HOME)
        return [*dict.fromkeys(own), *secrets_in(text)]


def check_leaks(leaks: Iterable[Leak], allowed: Sequence[str]) -> list[Leak]:
    """The leaks that are no serious ones, and not accepted.

    Args:
        leaks: What was found.
        allowed: What is accepted: `PATH:RULE`, with wildcards in the path.

    Raises:
        HubError: There is a serious leak, or no such rule as one that is accepted.
    """
    accepted = list(map(_accepted, allowed))
    # A login is for no one else, whoever accepts it.
    left = [
        leak
        for leak in leaks
        if leak.rule == _TOKEN
        or not any(leak.rule == rule and fnmatchcase(leak.path, path) for path, rule in accepted)
    ]
    if serious := [leak for leak in left if leak.serious]:
        names = list(dict.fromkeys(leak.name for leak in serious if leak.rule != _TOKEN))
        more = f" (and {len(serious) - 1} more were found)" if len(serious) > 1 else ""
        shown = " ".join(f"--allow-secret {name}" for name in names[:_SAID])
        how = f", or accept it with {shown}{' …' if len(names) > _SAID else ''}" if names else ""
        raise HubError(f"{serious[0]}{more}; take it out{how}, nothing was pushed")
    return left


def has_canary(table: pa.Table) -> bool:
    """Whether a text of a table names a canary: data that ask not to be spread."""
    import pyarrow.compute as pc  # type: ignore[import-untyped]

    return any(
        pc.any(pc.match_substring_regex(texts, f"(?i){_CANARY.pattern}")).as_py()
        for name, column in zip(table.column_names, table.columns, strict=True)
        for chunk in column.chunks
        for _, texts in texts_of(name, chunk)
    )


def _accepted(name: str) -> tuple[str, str]:
    path, colon, rule = name.rpartition(":")
    known = [*(rule for rule in _OWN if rule != _TOKEN), *secret_rules()]
    if not colon or not path:
        raise HubError(f"--allow-secret {name}: PATH:RULE was expected, as the find was named")
    if rule not in known:
        raise HubError(f"--allow-secret {name}: there is no rule {rule!r}{hint_at(rule, known)}")
    return path, rule


def _exact(folder: Path, token: str | None) -> Iterator[tuple[str, re.Pattern[str]]]:
    """What is known exactly, by the rule that it is found by."""
    if token and len(token) >= _LONG_ENOUGH:
        yield _TOKEN, re.compile(re.escape(token))
    for name, value in sorted(os.environ.items()):
        if _SECRET_NAMES.search(name) and looks_secret(value):
            yield _ENVIRONMENT, re.compile(re.escape(value))
    home = str(Path.home())
    for place in sorted({str(folder), str(folder.resolve()), os.getcwd(), home}):
        if Path(place).is_absolute() and len(Path(place).parts) > 2:
            pattern = re.compile(rf"(?<![\w.]){re.escape(place)}(?!\w)")
            yield _HOME if place == home else _PLACE, pattern
    host = socket.gethostname()
    # A name such as "demo" is a word like any other.
    if re.search(r"[\d.-]", host) and len(host) > 3:
        yield _MACHINE, re.compile(rf"(?<![\w-]){re.escape(host)}(?![\w-])")


def looks_secret(value: str) -> bool:
    """Whether a value is more than words and numbers: what a person would not choose as a name.

    Example:
        >>> looks_secret("evil_tool"), looks_secret("user_task_10"), looks_secret("9f86d081884c")
        (False, False, True)
    """
    if _MIXED.search(value) or secrets_in(value):
        return True
    # Letters alone are a key where large and small ones are mixed as no name mixes them.
    return any(
        0.3 <= sum(map(str.isupper, letters)) / len(letters) <= 0.7
        for letters in re.findall(r"[A-Za-z]{16,}", value)
    )
