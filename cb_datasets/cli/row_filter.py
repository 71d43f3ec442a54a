"""Which rows of a folder are asked for: by id, reason, category or outcome.

In: the tables of a folder. Out: numbers of rows, and a sentence where there are none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from itertools import chain
from typing import TYPE_CHECKING, Any

from cb_datasets.quoting import printable

if TYPE_CHECKING:
    from datasets import Dataset

_NAMED = 12
_SEARCHED = 10_000

_HAVING = {
    "id": ("ds", "dr", "pairs", "eval", "rejected"),
    "category": ("ds", "dr", "pairs", "eval"),
    "outcome": ("ds", "dr", "rejected"),
    "reason": ("rejected",),
}
"""The configs in which a row has each."""


@dataclass(frozen=True, slots=True)
class RowFilter:
    """What rows must have; None for anything.

    Args:
        id: The row's id, or its scenario's.
        reason: Why it is in `rejected`.
        category: Category of its attack.
        outcome: The judge's outcome.
    """

    id: str | None = None
    reason: str | None = None
    category: str | None = None
    outcome: str | None = None

    def __bool__(self) -> bool:
        return bool(self._asked())

    def configs(self) -> list[str]:
        """The configs whose rows have all that is asked for; all of them where nothing is."""
        return [name for name in _HAVING["id"] if all(name in _HAVING[of] for of in self._asked())]

    def rows(self, config: str, table: Dataset) -> Iterator[int]:
        """Numbers of the rows of a config that are asked for."""
        asked = self._asked()
        if not asked:
            yield from range(len(table))
            return
        columns = [_values(what, config, table) for what in asked]
        for number, values in enumerate(zip(*columns, strict=True)):
            if all(want in value for want, value in zip(asked.values(), values, strict=True)):
                yield number

    def nothing(self, sets: Mapping[str, Dataset]) -> str:
        """The sentence that says that no row is found, and what there is instead."""
        for what, want in self._asked().items():
            there = Counter[str]()
            for config, table in sets.items():
                if config in _HAVING[what]:
                    there.update(chain.from_iterable(_values(what, config, table)))
            if want in there:
                continue
            if not any(config in _HAVING[what] for config in sets):
                return f"rows of {', '.join(sets)} have no {what}; {', '.join(_HAVING[what])} have"
            near = get_close_matches(want, list(there)[:_SEARCHED], n=3)
            known = near if what == "id" else [name for name, _ in there.most_common(_NAMED)]
            words = "did you mean" if what == "id" else "known are"
            hint = f"; {words} {', '.join(printable(name, 80) for name in known)}" if known else ""
            return f"no row of {', '.join(sets)} has the {what} {want!r}{hint}"
        return f"no row of {', '.join(sets)} has all of that"

    def _asked(self) -> dict[str, str]:
        values = {found.name: getattr(self, found.name) for found in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


def _values(what: str, config: str, table: Dataset) -> Iterator[tuple[str, ...]]:
    """Of each row, what it may be found by."""
    if config not in _HAVING[what]:
        return iter([()] * len(table))
    if what == "id":
        return _ids(config, table)
    if what == "category" and config in ("pairs", "eval"):
        return ((attack["category"],) if attack else () for attack in table["attack"])
    if config == "rejected":
        return ((value,) if value else () for value in table[what])
    return ((labels[what],) if labels[what] else () for labels in table["labels"])


def _ids(config: str, table: Dataset) -> Iterator[tuple[str, ...]]:
    if config == "rejected":
        pairs = zip(table["scenario_id"], table["sample_index"], strict=True)
        return ((name, f"{name}#sample{number}") for name, number in pairs)
    if config == "eval":
        return zip(table["id"], table["scenario_id"], strict=True)
    made: Any = table["provenance"]
    return ((name, of["scenario_id"]) for name, of in zip(table["id"], made, strict=True))
