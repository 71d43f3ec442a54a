"""Rows with the weights of their tokens, for exports that hold a mask.

In: rows, and a policy. Out: each row with its tokens and their weights; a row of which the policy
cannot be told is left out with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from cb_datasets.errors import FormatError
from cb_datasets.training.mask_policies import MaskPolicy, TokenWeights, mask_policy
from cb_datasets.training.row_tokens import RowTokens

if TYPE_CHECKING:
    from cb_datasets.training.exports.gathered import Gathered
    from cb_datasets.training.own_ids import OwnIds

Row = TypeVar("Row", bound=Mapping[str, Any])


def masked(
    rows: Iterable[Row], mask: MaskPolicy, ids: OwnIds, parts: Mapping[str, int], into: Gathered
) -> Iterator[tuple[Row, RowTokens, TokenWeights]]:
    """Rows with their tokens and weights.

    Args:
        rows: The rows.
        mask: The policy.
        ids: Their ids.
        parts: By the ids of rows, where they and their pair's other completion part.
        into: Counts what is left out.
    """
    policy = mask_policy(mask)
    for row in rows:
        tokens = RowTokens(row, *ids(row), ids.tokenizer, parts.get(row["id"]))
        if mask == "after_divergence" and row["id"] not in parts:
            into.leave_out("its completion is in no pair with another")
            continue
        try:
            weights = policy.weights(tokens)
        except FormatError as error:
            into.leave_out(f"no mask {mask!r} of it: {error}")
            continue
        yield row, tokens, weights
