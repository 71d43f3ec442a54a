"""Which rows are the same row, and what those are called that only share an id.

In: the scenarios of a row. Out: those that no row before it gave, under ids that no other has. Two
rows with one id and the same content are one; with other content they are two, and the second is
named by its content as well, so that reading again gives the same ids.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from cb_datasets.records import Scenario
from cb_datasets.schema import without_nulls

_NO_CONTENT = frozenset(("id", "twin_id", "provenance"))
_JSON_OBJECTS = frozenset(("messages", "tools", "arguments"))
"""Columns in whose objects a null is data; elsewhere it is what a scenario may leave out."""


class RowIdentities:
    """The ids of the scenarios that were read so far, and what they stand for."""

    def __init__(self) -> None:
        self._contents: dict[bytes, bytes] = {}

    def new(self, scenarios: Sequence[Scenario]) -> list[Scenario] | None:
        """The new ones among the scenarios of a row; None where the row has come before.

        The rows that attack one query share its benign twin, which comes once.
        """
        twins = {scenario.get("twin_id") for scenario in scenarios}
        own = [scenario for scenario in scenarios if scenario["id"] not in twins]
        shared = [scenario for scenario in scenarios if scenario["id"] in twins]
        names = self._own_names(own or shared)
        if names is None:
            return None
        for twin in shared if own else ():
            names[twin["id"]] = self._free_name(twin)
        new = []
        for scenario in scenarios:
            twin_id = scenario.get("twin_id")
            twin_id = names.get(twin_id or "", twin_id)
            named: Scenario = {**scenario, "id": names[scenario["id"]], "twin_id": twin_id}
            if _digest(named["id"]) not in self._contents:
                self._contents[_digest(named["id"])] = _content(named)
                new.append(named)
        return new

    def _own_names(self, scenarios: Sequence[Scenario]) -> dict[str, str] | None:
        """The ids of a row's scenarios, by those that they came with; None for a known row."""
        held = [self._contents.get(_digest(scenario["id"])) for scenario in scenarios]
        if not any(held):
            return {scenario["id"]: scenario["id"] for scenario in scenarios}
        contents = [_content(scenario) for scenario in scenarios]
        if held == contents:
            return None
        names = {s["id"]: _named_by_content(s["id"], contents) for s in scenarios}
        known = all(_digest(name) in self._contents for name in names.values())
        return None if known else names

    def _free_name(self, scenario: Scenario) -> str:
        content = _content(scenario)
        name = scenario["id"]
        taken = self._contents.get(_digest(name), content) != content
        return _named_by_content(name, [content]) if taken else name


def _named_by_content(name: str, contents: Iterable[bytes]) -> str:
    """A scenario's id with its row's content in it, before what tells the scenarios of a row."""
    stem, mark, part = name.partition("#")
    return f"{stem}~{_digest(b''.join(contents).hex()).hex()[:8]}{mark}{part}"


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=12).digest()


def _content(scenario: Scenario) -> bytes:
    said = {name: value for name, value in scenario.items() if name not in _NO_CONTENT}
    return _digest(json.dumps(without_nulls(said, keep_inside=_JSON_OBJECTS), sort_keys=True))
