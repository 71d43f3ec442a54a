"""The first scenarios of a source, to try it with, by whole groups.

In: scenarios, and about how many are wanted. Out: those of the first groups, in their order: what
is cut out of a group would be missed, a twin say.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import Dataset


def first_groups(scenarios: Dataset, limit: int | None) -> Dataset:
    """The scenarios of as many first groups as the limit has room for, of one at least.

    Args:
        scenarios: Of one source.
        limit: The most scenarios; None for all.

    Example:
        >>> from datasets import Dataset
        >>> table = Dataset.from_dict({"group": ["a", "b", "a", "c"]})
        >>> first_groups(table, 3)["group"][:]
        ['a', 'b', 'a']
    """
    if limit is None or len(scenarios) <= limit:
        return scenarios
    groups: list[str] = scenarios["group"][:]
    taken, room = set[str](), limit
    # Counted in the order in which groups begin.
    for group, size in Counter(groups).items():
        if taken and size > room:
            break
        taken.add(group)
        room -= size
    return scenarios.select([number for number, group in enumerate(groups) if group in taken])
