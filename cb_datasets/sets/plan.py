"""What is known of a build before anything is sampled: duplicates, and the split.

In: all scenarios. Out: which are left out because another says the same, and which are held out
for eval, so that no group, no benign twin and no near copy is on both sides.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cb_datasets.errors import BuildError
from cb_datasets.sets.hold_out import parse_hold_out
from cb_datasets.sets.scenario_facts import (
    ScenarioFacts,
    differing_words,
    numbers_of,
    scenario_facts,
)
from cb_datasets.sets.splits import Units, eval_units
from cb_datasets.similarity import SimilarityIndex, shingles, similarity
from cb_datasets.text_file import TextFile

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from datasets import Dataset

    from cb_datasets.similarity import Numbers

LEAK_THRESHOLD = 0.8
"""Prompts this similar are never on two sides of a split."""

_DIFFERING_WORDS = 40
"""Near duplicates differ in so many words at most, times what is missing to a similarity of 1: a
long text may be much like another, and one sentence in it ask for something else."""

_NAMED = 10
"""So many names of what there is go into an error."""


@dataclass(frozen=True)
class ScenarioPlan:
    """What becomes of each scenario, by its number, before anything is sampled.

    Attributes:
        kept: For a duplicate, the scenario that is kept in its place.
        near: Those of the duplicates that are near ones.
        held_out: Groups of the eval set.
        left_out: Scenarios of training groups that have what is held out (`--hold-out`).
        joined: Groups that were joined with another, because their prompts nearly repeat.
    """

    kept: dict[int, int] = field(default_factory=dict)
    near: frozenset[int] = frozenset()
    held_out: frozenset[str] = frozenset()
    left_out: frozenset[int] = frozenset()
    joined: int = 0


def plan_scenarios(
    scenarios: Dataset,
    *,
    eval_fraction: float,
    seed: int = 0,
    near_duplicates: float | None = 0.9,
    hold_out: tuple[str, ...] = (),
) -> ScenarioPlan:
    """Find the duplicates and decide the split.

    Args:
        scenarios: All scenarios of a build. Those set aside have no part in it.
        eval_fraction: Share of the units held out, 0 to 1.
        seed: Decides the split.
        near_duplicates: Similarity, 0 to 1, from which two scenarios are near duplicates; None
            looks for exact ones only.
        hold_out: See `cb_datasets.sets.hold_out.hold_outs`.

    Raises:
        BuildError: An option is out of range, or nothing has what is to be held out.
    """
    if near_duplicates is not None and not 0.5 <= near_duplicates <= 1:
        raise BuildError(f"near_duplicates is {near_duplicates}; it must be between 0.5 and 1")
    return _Planning(scenarios, near_duplicates, hold_out).plan(eval_fraction, seed)


class _Planning:
    def __init__(
        self, scenarios: Dataset, near_duplicates: float | None, hold_out: tuple[str, ...]
    ) -> None:
        import numpy as np

        self._scenarios = scenarios
        self._telling = TextFile()
        self._threshold = near_duplicates
        size = len(scenarios)
        self._groups = np.full(size, -1, np.int64)
        self._label_keys = np.zeros(size, np.int64)
        self._taken = np.zeros(size, bool)
        self._hold_out = [parse_hold_out(text) for text in hold_out]
        self._known: list[set[str | None]] = [set() for _ in hold_out]
        self._index = SimilarityIndex()
        self._group_numbers: dict[str, int] = {}
        self._labels: dict[str, set[str]] = defaultdict(set)
        self._shares: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._matching: list[list[tuple[int, str]]] = [[] for _ in hold_out]
        self._together: list[tuple[str, str]] = []
        self._kept: dict[int, int] = {}

    def plan(self, eval_fraction: float, seed: int) -> ScenarioPlan:
        self._read()
        near = self._near_duplicates() if self._threshold is not None else frozenset[int]()
        units = self._units(near)
        held = self._held_out(units, eval_fraction, seed)
        left_out = frozenset(
            number
            for matching in self._matching
            for number, group in matching
            if units[group] not in held
        )
        groups = list(self._group_numbers)
        return ScenarioPlan(
            kept=self._kept,
            near=near,
            held_out=frozenset(group for group in groups if units[group] in held),
            left_out=left_out,
            joined=sum(units[group] != group for group in groups),
        )

    def _read(self) -> None:
        first: dict[int, int] = {}
        queries: dict[int, str] = {}
        twins: dict[str, str] = {}
        number = 0
        for batch in scenario_facts(self._scenarios):
            self._index.add([facts.text for facts in batch])
            self._telling.add(json.dumps(facts.telling) for facts in batch)
            for facts in batch:
                if not facts.set_aside:
                    self._take(number, facts, first)
                    if facts.twin_id is not None:
                        twins.setdefault(facts.twin_id, facts.group)
                    if facts.query:
                        asked = queries.setdefault(facts.query, facts.group)
                        if asked != facts.group:
                            self._together.append((asked, facts.group))
                number += 1
        self._join_twins(twins)

    def _take(self, number: int, facts: ScenarioFacts, first: dict[int, int]) -> None:
        self._taken[number] = True
        group = self._group_numbers.setdefault(facts.group, len(self._group_numbers))
        self._groups[number] = group
        self._label_keys[number] = facts.label
        self._labels[facts.group].add(_stratum(facts))
        kept = first.setdefault(facts.exact, number)
        if kept != number:
            self._kept[number] = kept
        if self._hold_out:
            share = self._shares[facts.group]
            share[1] += 1
            takes = [rule.takes(facts) for rule in self._hold_out]
            share[0] += any(takes)
            for matching, taken in zip(self._matching, takes, strict=True):
                if taken:
                    matching.append((number, facts.group))
            for rule, known in zip(self._hold_out, self._known, strict=True):
                known.add(getattr(facts, rule.key))

    def _join_twins(self, twins: dict[str, str]) -> None:
        """Note the groups of benign twins that are not in the group of what they are twins of."""
        for names in self._scenarios.with_format(columns=["id", "group"]).iter(batch_size=1000):
            for twin, group in zip(names["id"], names["group"], strict=True):
                other = twins.get(twin)
                if other is not None and other != group:
                    self._together.append((group, other))

    def _near_duplicates(self) -> frozenset[int]:
        import numpy as np

        threshold = self._threshold or 1.0
        removed = ~self._taken
        removed[list(self._kept)] = True
        near = set()
        pairs = self._index.pairs(
            threshold,
            lambda _, others: np.ones(len(others), bool),
            keys=self._label_keys,
            gone=removed,
        )
        for first, other in pairs:
            if self._says_the_same(first, other):
                removed[other] = True
                self._kept[other] = first
                near.add(other)
        for number, kept in self._kept.items():
            while (further := self._kept.get(kept)) is not None:
                kept = further
            self._kept[number] = kept
        return frozenset(near)

    def _says_the_same(self, first: int, other: int) -> bool:
        threshold = self._threshold or 1.0
        if differing_words(self._index.text(first), self._index.text(other)) > round(
            _DIFFERING_WORDS * (1 - threshold)
        ):
            return False
        one, two = (json.loads(self._telling[number]) for number in (first, other))
        return all(
            numbers_of(this) == numbers_of(that)
            and similarity(shingles(this), shingles(that)) >= threshold
            for this, that in zip(one, two, strict=True)
        )

    def _units(self, near: frozenset[int]) -> dict[str, str]:
        """The unit of each group: the first of its groups by name."""
        import numpy as np

        names = sorted(self._group_numbers)
        # From here on groups are numbered by name.
        rank = np.zeros(len(names), np.int64)
        rank[[self._group_numbers[name] for name in names]] = np.arange(len(names))
        self._group_numbers = {name: number for number, name in enumerate(names)}
        groups = np.where(self._taken, rank[self._groups] if len(names) else -1, -1)
        units = Units(len(names))
        for one, two in self._together:
            if one in self._group_numbers and two in self._group_numbers:
                units.join(self._group_numbers[one], self._group_numbers[two])
        # A duplicate is on the side of the scenario that is kept in its place.
        for number, kept in self._kept.items():
            units.join(int(groups[number]), int(groups[kept]))
        out = ~self._taken
        out[[number for number in self._kept if number not in near]] = True

        def comparable(firsts: Numbers, others: Numbers) -> npt.NDArray[np.bool_]:
            apart: npt.NDArray[np.bool_] = units.of(groups[firsts]) != units.of(groups[others])
            return apart

        for first, other in self._index.pairs(LEAK_THRESHOLD, comparable, gone=out):
            units.join(int(groups[first]), int(groups[other]))
        roots = units.of(np.arange(len(names)))
        return {name: names[root] for name, root in zip(names, roots.tolist(), strict=True)}

    def _held_out(self, units: dict[str, str], eval_fraction: float, seed: int) -> frozenset[str]:
        labels: dict[str, set[str]] = defaultdict(set)
        shares: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for group, own in self._labels.items():
            labels[units[group]] |= own
            for place, count in enumerate(self._shares[group]):
                shares[units[group]][place] += count
        needed = [{units[group] for _, group in matching} for matching in self._matching]
        for rule, having, known in zip(self._hold_out, needed, self._known, strict=True):
            if not having:
                names = sorted(name for name in known if name is not None)
                there = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
                raise BuildError(f"no scenario has {rule}, to be held out (there are: {there})")
        wanted = {unit: have / of for unit, (have, of) in shares.items() if have}
        sizes = Counter(units[group] for group in self._labels)
        return eval_units(labels, eval_fraction, seed, sizes=sizes, wanted=wanted, needed=needed)


def _stratum(facts: ScenarioFacts) -> str:
    if facts.category is None:
        return f"{facts.source}/{facts.behavior}"
    return f"{facts.source}/{facts.category}/{facts.location}"
