"""Counts over the sets, for cards, dry runs and the command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cb_datasets.sets.build import Sets


def set_stats(sets: Sets) -> dict[str, Any]:
    """Rows of each set and how they divide.

    Returns:
        For each of ds, dr, eval and rejected: `rows`, and counts by source, kind, category,
        outcome or reason; `outcomes` over all judged completions; `yield`, the share of judged
        completions that reached Ds or Dr; `dr_per_ds`.
    """
    ds_labels, dr_labels = sets.ds["labels"], sets.dr["labels"]
    outcomes = Counter(label["outcome"] for label in [*ds_labels, *dr_labels])
    outcomes.update(outcome for outcome in sets.rejected["outcome"] if outcome is not None)
    judged = sum(outcomes.values())
    kept = len(sets.ds) + len(sets.dr)
    return {
        "ds": {
            "rows": len(sets.ds),
            "scenarios": len({p["scenario_id"] for p in sets.ds["provenance"]}),
            "by_source": _counts(p["source"] for p in sets.ds["provenance"]),
            "by_category": _counts(label["category"] for label in ds_labels),
            "by_harm_type": _counts(label["harm_type"] for label in ds_labels),
            "by_location": _counts(a["location"] for a in sets.ds["attack"]),
            "by_tool": _counts(label["observed_tool"] for label in ds_labels),
        },
        "dr": {
            "rows": len(sets.dr),
            "scenarios": len({p["scenario_id"] for p in sets.dr["provenance"]}),
            "by_source": _counts(p["source"] for p in sets.dr["provenance"]),
            "by_kind": _counts(label["kind"] for label in dr_labels),
            "by_tool": _counts(label["observed_tool"] or "(no call)" for label in dr_labels),
        },
        "eval": {
            "rows": len(sets.eval),
            "by_source": _counts(sets.eval["source"]),
            "by_kind": _counts(sets.eval["kind"]),
        },
        "rejected": {
            "rows": len(sets.rejected),
            "by_reason": _counts(sets.rejected["reason"]),
        },
        "outcomes": dict(outcomes.most_common()),
        "judged_completions": judged,
        "yield": round(kept / judged, 4) if judged else 0.0,
        "dr_per_ds": round(len(sets.dr) / len(sets.ds), 2) if len(sets.ds) else None,
    }


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))
