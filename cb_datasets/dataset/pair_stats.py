"""What pairs are: whose the right completion is, where the harmful one parts, what has no pair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from cb_datasets.records import PairSide

if TYPE_CHECKING:
    from datasets import Dataset

UNPAIRED = {
    "not_sampled": "there is no completion of the attacked prompt",
    "no_twin": "no completion is right, and there is no benign twin to take one from",
    "other_conversation": "no completion is right, and the twin's conversation is another one",
    "other_model": "no completion is right, and the twin's are of another model",
    "twin_not_right": "no completion is right, and none of the twin's is",
    "not_right_here": "no completion is right, and the twin's right ones are not right here",
}
"""Why an attacked scenario has no row."""


def pair_stats(pairs: Dataset) -> dict[str, Any]:
    """Counts over the rows of pairs.

    Returns:
        `rows`; `by_source`, `by_category` and `by_origin`; `with_rejected`, the rows with a
        harmful completion, and `both_own`, those of them whose right one is the model's own, too;
        `by_parting`, how the two differ (`parting`), and `diverges_at_median`, the place of the
        first token in which they do (None without ids).
    """
    chosen, rejected = (pairs[name][:] for name in ("chosen", "rejected"))
    origins = pairs["chosen_origin"][:]
    both = [origin for origin, side in zip(origins, rejected, strict=True) if side is not None]
    places = [place for place in pairs["diverges_at"] if place is not None]
    return {
        "rows": len(pairs),
        "by_source": _counts(pairs["source"][:]),
        "by_category": _counts([attack["category"] for attack in pairs["attack"]]),
        "by_origin": _counts(origins),
        "with_rejected": len(both),
        "both_own": both.count("own"),
        "by_parting": _counts(list(_partings(chosen, rejected))),
        "diverges_at_median": median(places) if places else None,
    }


def parting(chosen: PairSide, rejected: PairSide) -> str:
    """How a harmful completion differs from the right one: in the tool that is called, in whether
    there is a call, in the arguments of the same tool, or in words alone.

    Example:
        >>> call = {"tool_calls_structured": [{"name": "pay", "arguments": {}}]}
        >>> parting(call, {"tool_calls_structured": [{"name": "delete", "arguments": {}}]})
        'another tool'
        >>> parting({"tool_calls_structured": []}, call)
        'a call or none'
    """
    one, other = chosen["tool_calls_structured"], rejected["tool_calls_structured"]
    if not one or not other:
        return "a call or none" if one or other else "words"
    return "arguments" if one[0]["name"] == other[0]["name"] else "another tool"


def _partings(chosen: Sequence[PairSide], rejected: Sequence[PairSide | None]) -> Iterator[str]:
    for right, harmful in zip(chosen, rejected, strict=True):
        if harmful is not None:
            yield parting(right, harmful)


def _counts(values: Sequence[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))
