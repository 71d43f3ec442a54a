"""Whether Dr is enough to hold what Ds would take away.

A breaker trained on calls of a tool that Dr never calls learns that the tool is harmful, and one
trained on little Dr forgets what it should keep.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cb_datasets.quoting import printable
from cb_datasets.records import HarmLabels, RetainLabels

if TYPE_CHECKING:
    from cb_datasets.dataset.tables import SetTables

_NAMED = 10
"""Tools that an advice names; `missing_tools` names all."""


def retain_report(sets: SetTables) -> dict[str, Any]:
    """How Dr compares with Ds.

    Returns:
        `dr_per_ds` (None without rows of Ds) and `dr_per_ds_wanted`; `tools`: for each tool that
        Ds calls, its rows in `ds` and the rows of Dr that call it rightly in `dr`;
        `missing_tools`: those that no row of Dr calls rightly; `advice`: sentences, none where
        all is well.
    """
    harm: Iterable[HarmLabels] = sets.ds["labels"]
    kept: Iterable[RetainLabels] = sets.dr["labels"]
    called = Counter(labels["observed_tool"] for labels in harm)
    called.pop("", None)
    right = Counter(labels["observed_tool"] for labels in kept if labels["is_correct_tool_use"])
    tools = {
        name: {"ds": count, "dr": right[name]}
        for name, count in sorted(called.items(), key=lambda item: (-item[1], item[0]))
    }
    missing = sorted(name for name, rows in tools.items() if not rows["dr"])
    wanted = float(sets.facts.get("options", {}).get("dr_per_ds", 4.0))
    ratio = round(len(sets.dr) / len(sets.ds), 2) if len(sets.ds) else None
    advice = []
    if ratio is not None and len(sets.dr) < wanted * len(sets.ds):
        advice.append(
            f"Dr:Ds is {ratio}:1, below the {wanted:g}:1 that was asked for, with all the material "
            "there is: add benign sources (tau2, generic), or take more samples."
        )
    if missing:
        names = ", ".join(printable(name, 60) for name in missing[:_NAMED])
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        advice.append(
            f"No row of Dr calls {names}{more} rightly, which Ds calls: a breaker may learn "
            "that the tool itself is harmful. Add scenarios in which it is the right one."
        )
    return {
        "dr_per_ds": ratio,
        "dr_per_ds_wanted": wanted,
        "tools": tools,
        "missing_tools": missing,
        "advice": advice,
    }
