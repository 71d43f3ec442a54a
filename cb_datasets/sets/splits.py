"""Which units go to the eval set: by stratum, decided before anything is sampled.

A unit is what must not be torn apart: a group, with those whose scenarios nearly repeat its own.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Units:
    """Groups by number, joined into units.

    Args:
        size: How many groups there are.

    Example:
        >>> import numpy as np
        >>> units = Units(4)
        >>> units.join(3, 1)
        >>> units.of(np.arange(4))
        array([0, 1, 2, 1])
    """

    def __init__(self, size: int) -> None:
        import numpy as np

        self._parents = np.arange(size)

    def of(self, groups: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The unit of each group: the lowest number of its groups."""
        roots = self._parents[groups]
        while ((further := self._parents[roots]) != roots).any():
            roots = further
        self._parents[groups] = roots
        return roots

    def join(self, first: int, second: int) -> None:
        """Put the units of two groups into one."""
        low, high = sorted((self._root(first), self._root(second)))
        self._parents[high] = low

    def _root(self, group: int) -> int:
        path = []
        while (parent := int(self._parents[group])) != group:
            path.append(group)
            group = parent
        self._parents[path] = group
        return group


def eval_units(
    labels: Mapping[str, Collection[str]],
    fraction: float,
    seed: int = 0,
    *,
    sizes: Mapping[str, int] | None = None,
    wanted: Mapping[str, float] | None = None,
    needed: Iterable[Collection[str]] = (),
) -> frozenset[str]:
    """The units held out for eval, so that each label has its share there.

    Args:
        labels: What is in each unit: source, category, behaviour. A label with three units or
            more is never left without any in eval.
        fraction: Share of each label, 0 to 1.
        seed: Another seed holds out others.
        sizes: How much a unit counts, such as the number of its groups; 1 where not given.
        wanted: For units with scenarios that are to be held out (`--hold-out`), what share of
            theirs that is. A unit of nothing else is always held out; of the others those with
            the largest share come first.
        needed: Units of each of which one at least is held out, whatever the fraction is.

    Returns:
        The units. The choice depends on the units alone, not on their order. The rarest label
        comes first, since a unit that is chosen for it counts for its other labels too
        (Sechidis et al. 2011, "On the stratification of multi-label data").

    Example:
        >>> len(eval_units({f"u{n}": ["demo/call"] for n in range(10)}, 0.2))
        2
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"eval_fraction is {fraction}; it must be between 0 and 1")
    sizes, wanted = sizes or {}, wanted or {}
    members: dict[str, list[str]] = defaultdict(list)
    for unit, names in labels.items():
        for label in set(names):
            members[label].append(unit)
    held: set[str] = set()
    have: Counter[str] = Counter()

    def hold(unit: str) -> None:
        held.add(unit)
        have.update(dict.fromkeys(labels[unit], sizes.get(unit, 1)))

    for unit in labels:
        if wanted.get(unit) == 1:
            hold(unit)
    for label in sorted(members, key=lambda name: (len(members[name]), name)):
        units = members[label]
        count = round(fraction * sum(sizes.get(unit, 1) for unit in units))
        if fraction > 0 and len(units) >= 3:
            count = max(count, 1)
        free = [unit for unit in units if unit not in held]
        free.sort(key=lambda unit: (-wanted.get(unit, 0.0), _rank(seed, unit)))
        for unit in free:
            # A unit that is much larger than what is missing would empty the training sets.
            if have[label] + sizes.get(unit, 1) / 2 <= count and have[label] < count:
                hold(unit)
        if not have[label] and count and len(units) > 1:
            hold(min(free, key=lambda unit: (sizes.get(unit, 1), _rank(seed, unit))))
    for having in needed:
        if held.isdisjoint(having):
            hold(min(having, key=lambda u: (-wanted.get(u, 0.0), sizes.get(u, 1), _rank(seed, u))))
    return frozenset(held)


def _rank(seed: int, unit: str) -> str:
    return hashlib.sha256(f"{seed}\0{unit}".encode()).hexdigest()
