"""Whether a scenario has the keys it must have, and no others.

A scenario is a dict: who forgets a key, or misspells one, is told by mypy, or else here.
"""

from __future__ import annotations

import difflib
import typing
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from typing_extensions import is_typeddict

from cb_datasets.errors import SourceError
from cb_datasets.records import Scenario
from cb_datasets.schema import record_columns
from cb_datasets.sources.rows import RowPlace


def check_keys(scenario: Any, place: RowPlace | None = None) -> None:
    """Refuse a scenario that lacks a key, or has one that no column would hold.

    Args:
        scenario: A `records.Scenario`, as far as its reader got it right.
        place: The row that it was read from, if there is one.

    Raises:
        SourceError: It names the key.

    Example:
        >>> check_keys({"id": "a/1", "source": "a", "group": "a/1", "messages": [], "tools": [],
        ...             "expected": {"behavior": "answer"},
        ...             "provenance": {"source_dataset": "a.jsonl", "record_id": "1"}})
        Traceback (most recent call last):
        ...
        cb_datasets.errors.SourceError: the scenario 'a/1' lacks expected.calls
    """
    problem = _problem(scenario, Scenario)
    if problem is None:
        return
    named = isinstance(scenario, dict) and "id" in scenario
    what = f"the scenario {scenario['id']!r}" if named else "a scenario"
    words = problem.words.format(problem.at or "a row")
    file, line = (place.file, place.line) if place else (None, None)
    raise SourceError(f"{what} {words}", file=file, line=line)


class _Problem(NamedTuple):
    """Where something is wrong with the keys, and what: words with a place for where."""

    at: str
    words: str


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys of a record, and which of them hold records, or lists of them."""

    required: frozenset[str]
    known: frozenset[str]
    records: tuple[tuple[str, type], ...]
    lists: tuple[tuple[str, type], ...]


@cache
def _keys(record: type) -> _Keys:
    columns = record_columns(record)
    items = {
        column.name: typing.get_args(column.kind)[0]
        for column in columns
        if typing.get_origin(column.kind) is list
    }
    return _Keys(
        required=frozenset(column.name for column in columns if column.required),
        known=frozenset(column.name for column in columns),
        records=tuple((c.name, c.kind) for c in columns if is_typeddict(c.kind)),
        lists=tuple((name, item) for name, item in items.items() if is_typeddict(item)),
    )


def _problem(value: Any, record: type) -> _Problem | None:
    if not isinstance(value, dict):
        return _Problem("", f"has {{}} of type {type(value).__name__}, expected {record.__name__}")
    keys = _keys(record)
    if not (keys.required <= value.keys() <= keys.known):
        return _difference(value, keys)
    for name, inner in keys.records:
        held = value.get(name)
        if held is not None and (problem := _problem(held, inner)):
            return _inside(name, problem)
    for name, inner in keys.lists:
        for item in value.get(name) or ():
            if problem := _problem(item, inner):
                return _inside(name, problem)
    return None


def _inside(name: str, problem: _Problem) -> _Problem:
    return problem._replace(at=f"{name}.{problem.at}" if problem.at else name)


def _difference(value: dict[str, Any], keys: _Keys) -> _Problem:
    strange = next((str(key) for key in value if key not in keys.known), None)
    if strange is None:
        return _Problem(min(keys.required - value.keys()), "lacks {}")
    known = sorted(keys.known)
    close = difflib.get_close_matches(strange, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
    return _Problem(strange, f"has {{}}, which is no column; {hint}")
