"""Counts over the sets, for cards, dry runs and the command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from cb_datasets.dataset.accounting import account
from cb_datasets.dataset.pair_stats import pair_stats
from cb_datasets.dataset.retain_report import retain_report
from cb_datasets.records import Attack, HarmLabels, Provenance, RetainLabels

if TYPE_CHECKING:
    from cb_datasets.dataset.tables import SetTables


def set_stats(sets: SetTables) -> dict[str, Any]:
    """Rows of each set and how they divide.

    Returns:
        For each of ds, dr, pairs, eval and rejected: `rows`, and counts by source, kind, category,
        outcome or reason; `outcomes` over all judged completions; `yield`, the share of judged
        completions that reached Ds or Dr; `sampling`, how many samples and tokens were made;
        `dr_per_ds`; `retain`, how Dr compares with Ds (`cb_datasets.dataset.retain_report`);
        `sources`, the account of each source (`cb_datasets.dataset.accounting`).
    """
    ds_labels: Sequence[HarmLabels] = sets.ds["labels"]
    dr_labels: Sequence[RetainLabels] = sets.dr["labels"]
    ds_from: Sequence[Provenance] = sets.ds["provenance"]
    dr_from: Sequence[Provenance] = sets.dr["provenance"]
    attacks: Sequence[Attack] = sets.ds["attack"]
    accounts = account(sets)
    outcomes: Counter[str] = sum((counts.outcomes for counts in accounts.values()), Counter())
    unpaired: Counter[str] = sum((counts.unpaired for counts in accounts.values()), Counter())
    judged = outcomes.total()
    retain = retain_report(sets)
    kept = len(sets.ds) + len(sets.dr)
    return {
        "ds": {
            "rows": len(sets.ds),
            "scenarios": len({p["scenario_id"] for p in ds_from}),
            "by_source": _counts(p["source"] for p in ds_from),
            "by_category": _counts(label["category"] for label in ds_labels),
            "by_harm_type": _counts(label["harm_type"] for label in ds_labels),
            "by_location": _counts(attack["location"] for attack in attacks),
            "by_tool": _counts(label["observed_tool"] or "(no call)" for label in ds_labels),
        },
        "dr": {
            "rows": len(sets.dr),
            "scenarios": len({p["scenario_id"] for p in dr_from}),
            "by_source": _counts(p["source"] for p in dr_from),
            "by_kind": _counts(label["kind"] for label in dr_labels),
            "by_tool": _counts(label["observed_tool"] or "(no call)" for label in dr_labels),
        },
        "pairs": {**pair_stats(sets.pairs), "unpaired": dict(unpaired.most_common())},
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
        "sampling": sets.facts.get("sampling"),
        "dr_per_ds": retain["dr_per_ds"],
        "retain": retain,
        "sources": {name: counts.to_dict() for name, counts in accounts.items()},
    }


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))
