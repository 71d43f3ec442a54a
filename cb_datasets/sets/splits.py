"""Which groups go to the eval set: whole groups, by stratum, decided before anything is sampled."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any


def eval_groups(
    scenarios: Iterable[Mapping[str, Any]], fraction: float, seed: int = 0
) -> frozenset[str]:
    """The groups held out for eval.

    Args:
        scenarios: Rows with `source`, `group`, `attack`, `expected`, `set_aside`; read once.
        fraction: Share of the groups of each stratum, 0 to 1.
        seed: Another seed holds out other groups.

    Returns:
        The groups. A stratum is a source with what its groups test (attacked, and in which
        place; call, answer or refusal); one of three groups or more is never left without eval
        rows. The choice depends on the groups alone, not on their order.

    Example:
        >>> row = {"source": "demo", "attack": None, "expected": {"behavior": "call"}}
        >>> rows = [{**row, "group": f"g{n}", "set_aside": None} for n in range(10)]
        >>> len(eval_groups(rows, 0.2))
        2
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"eval_fraction is {fraction}; it must be between 0 and 1")
    traits: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in scenarios:
        if row["set_aside"] is None:
            traits[row["source"], row["group"]].add(_trait(row))
    strata: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for (source, group), seen in traits.items():
        strata[(source, *sorted(seen))].append(group)
    held: set[str] = set()
    for groups in strata.values():
        count = round(fraction * len(groups))
        if fraction > 0 and len(groups) >= 3:
            count = max(count, 1)
        ordered = sorted(set(groups), key=lambda group: _rank(seed, group))
        held.update(ordered[:count])
    return frozenset(held)


def _trait(row: Mapping[str, Any]) -> str:
    if row["attack"] is not None:
        return f"attacked in {row['attack']['location']}"
    return str(row["expected"]["behavior"])


def _rank(seed: int, group: str) -> str:
    return hashlib.sha256(f"{seed}\0{group}".encode()).hexdigest()
