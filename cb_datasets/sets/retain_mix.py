"""How much of each kind goes into Dr: quotas and weights that a user sets.

In: the rows of Dr with their kinds. Out: which of them stay. Without quotas and weights all do.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

from cb_datasets.errors import BuildError
from cb_datasets.records import RETAIN_KINDS, RetainRow


def read_quotas(given: Any) -> dict[str, int] | None:
    """Quotas that a user gave, or None.

    Raises:
        BuildError: A kind is none, or a number means nothing.
    """
    quotas = _numbers_by_kind("retain_quotas", given)
    for kind, value in quotas.items():
        if value != int(value):
            raise BuildError(f"retain_quotas of {kind} is {value!r}; it must be a whole number")
    return {kind: int(value) for kind, value in quotas.items()} or None


def read_weights(given: Any) -> dict[str, float] | None:
    """Weights that a user gave, or None.

    Raises:
        BuildError: A kind is none, or a number means nothing.
    """
    weights = _numbers_by_kind("retain_weights", given)
    if weights and not any(weights.values()):
        raise BuildError("retain_weights are all 0; at least one must be above 0")
    return {kind: float(value) for kind, value in weights.items()} or None


def _numbers_by_kind(what: str, given: Any) -> dict[str, float]:
    if not isinstance(given, Mapping | None):
        raise BuildError(f"{what} is {given!r}; it must be a mapping of kinds of Dr to numbers")
    for kind, value in (given or {}).items():
        if kind not in RETAIN_KINDS:
            known = ", ".join(RETAIN_KINDS)
            raise BuildError(f"{what} names {kind!r}, which is no kind of Dr (known: {known})")
        if not (isinstance(value, Real) and 0 <= float(value) < math.inf):
            raise BuildError(f"{what} of {kind} is {value!r}; it must be 0 or more")
    return dict(given or {})


def retain_mix(
    rows: Sequence[RetainRow],
    ds_tools: Iterable[str],
    *,
    size: int,
    quotas: Mapping[str, int],
    weights: Mapping[str, float],
    seed: int = 0,
) -> tuple[list[RetainRow], list[RetainRow]]:
    """The rows of Dr that stay, and those that are over what is wanted, each in their order.

    Args:
        rows: The rows of Dr.
        ds_tools: Tools that Ds calls: of these, rows that call them rightly are taken first.
        size: What Dr is cut to where there are weights: so many rows for each row of Ds.
        quotas: At most so many rows of a kind.
        weights: The share of each kind, relative to the others; a kind without one has none.
            A kind that lacks rows leaves its share to the others.
        seed: Another seed takes other rows.

    Example:
        >>> row = {"labels": {"kind": "answer", "observed_tool": None}}
        >>> rows = [{**row, "id": f"r{n}"} for n in range(5)]
        >>> stay, over = retain_mix(rows, [], size=4, quotas={"answer": 2}, weights={})
        >>> len(stay), len(over)
        (2, 3)
    """
    by_kind: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        by_kind[row["labels"]["kind"]].append(number)
    room = {
        kind: min(len(numbers), quotas.get(kind, len(numbers))) for kind, numbers in by_kind.items()
    }
    if weights:
        room = _shares(room, weights, size)
    wanted = set(ds_tools)
    taken: set[int] = set()
    for kind, numbers in by_kind.items():
        ordered = sorted(numbers, key=lambda number: _rank(seed, rows[number]["id"]))
        taken.update(_one_each_first(rows, ordered, wanted)[: room[kind]])
    stay = [row for number, row in enumerate(rows) if number in taken]
    return stay, [row for number, row in enumerate(rows) if number not in taken]


def _shares(room: Mapping[str, int], weights: Mapping[str, float], size: int) -> dict[str, int]:
    """How many rows of each kind: by weight, and what one kind lacks goes to the others."""
    given = dict.fromkeys(room, 0)
    open_kinds = {kind: weights[kind] for kind in sorted(room) if weights.get(kind)}
    left = min(size, sum(room[kind] for kind in open_kinds))
    while open_kinds:
        largest = max(open_kinds.values())
        parts = {kind: weight / largest for kind, weight in open_kinds.items()}
        shares = {kind: left * part / sum(parts.values()) for kind, part in parts.items()}
        full = [kind for kind in open_kinds if shares[kind] >= room[kind]]
        for kind in full:
            given[kind] = room[kind]
            left -= room[kind]
            del open_kinds[kind]
        if not full:
            given |= {kind: int(share) for kind, share in shares.items()}
            left -= sum(given[kind] for kind in shares)
            for kind in sorted(shares, key=lambda k: (given[k] - shares[k], k))[:left]:
                given[kind] += 1
            break
    return given


def _one_each_first(rows: Sequence[RetainRow], numbers: list[int], tools: set[str]) -> list[int]:
    """The numbers, with one row for each of the tools before all others."""
    first: dict[str, int] = {}
    for number in numbers:
        tool = rows[number]["labels"]["observed_tool"]
        if tool is not None and tool in tools:
            first.setdefault(tool, number)
    ahead = set(first.values())
    return [*first.values(), *(number for number in numbers if number not in ahead)]


def _rank(seed: int, row_id: str) -> str:
    return hashlib.sha256(f"{seed}\0{row_id}".encode()).hexdigest()
