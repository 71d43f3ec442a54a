"""Where two completions of one prompt part.

In: their token ids. Out: an index into both.
"""

from __future__ import annotations

from collections.abc import Sequence


def first_difference(one: Sequence[int], other: Sequence[int]) -> int:
    """The index of the first token in which two sequences differ, or at which one of them ends.

    Example:
        >>> first_difference([5, 6, 9], [5, 7, 9]), first_difference([5, 6], [5, 6, 9])
        (1, 2)
    """
    both = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in both if a != b), min(len(one), len(other)))
