"""Some scenarios of a source, to try it with, by whole groups.

In: scenarios, and about how many are wanted. Out: those of groups from all over the source, in
their order, since the first ones may all be of one kind. What is cut out of a group would be
missed, a twin say.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import Dataset


def some_groups(scenarios: Dataset, limit: int | None) -> Dataset:
    """The scenarios of as many groups as the limit has room for, of one at least.

    Which groups is decided by their names, so that a higher limit takes those of a lower one, too.

    Args:
        scenarios: Of one source.
        limit: The most scenarios; None for all.

    Example:
        >>> from datasets import Dataset
        >>> table = Dataset.from_dict({"group": ["a", "b", "a", "c"]})
        >>> some_groups(table, 3)["group"][:]
        ['b', 'c']
    """
    if limit is None or len(scenarios) <= limit:
        return scenarios
    groups: list[str] = scenarios["group"][:]
    sizes, taken, room = Counter(groups), set[str](), limit
    for group in sorted(sizes, key=lambda name: hashlib.sha256(name.encode()).digest()):
        if taken and sizes[group] > room:
            break
        taken.add(group)
        room -= sizes[group]
    return scenarios.select([number for number, group in enumerate(groups) if group in taken])
