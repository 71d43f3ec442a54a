"""The two sides of a pair as rows: an attacked prompt, and one of its two completions.

In: rows of pairs. Out: each side with all that a row of Ds or Dr has of prompt and completion.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from cb_datasets.records import PairRow
from cb_datasets.schema import exact_rows

if TYPE_CHECKING:
    from datasets import Dataset

    from cb_datasets.sets import Sets
    from cb_datasets.training.exports.gathered import Gathered

Side = Literal["chosen", "rejected"]


def side_row(pair: PairRow, side: Side) -> Any:
    """The prompt of a pair with one of its completions, as rows of Ds and Dr have them.

    Its `id` is the pair's.
    """
    held = pair[side]
    if held is None:
        raise ValueError(f"{pair['id']}: the pair has no {side} completion")
    return {**pair, **held}


def both_sides(pairs: Dataset, into: Gathered) -> Iterator[tuple[Any, Any]]:
    """The right and the harmful side of each pair that has both; the others are left out."""
    for pair in exact_rows(pairs, PairRow):
        if pair["rejected"] is None:
            into.leave_out("a pair without a harmful completion")
        else:
            yield side_row(pair, "chosen"), side_row(pair, "rejected")


def diverging(sets: Sets) -> dict[str, int]:
    """Where two completions part, by the id of their pair and of the rows in which they stand."""
    found = {}
    columns = ["id", "chosen", "rejected", "diverges_at"]
    for pair in exact_rows(sets.pairs.select_columns(columns), PairRow):
        if (place := pair["diverges_at"]) is None:
            continue
        for side in (pair["chosen"], pair["rejected"]):
            if side is not None and side["row_id"] is not None:
                found[side["row_id"]] = place
        found[pair["id"]] = place
    return found
