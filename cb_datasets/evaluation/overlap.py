"""Whether an eval set was trained on: groups, scenarios, twins and near copies on both sides.

In: eval rows and rows of the training sets. Out: what they share. The comparison of texts is exact
and is this module's own, so that a fault in how the split was made does not hide itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cb_datasets.prompt_text import prompt_text
from cb_datasets.records import EvalRow
from cb_datasets.schema import json_object
from cb_datasets.similarity import shingles

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

NEAR = 0.8
"""Jaccard similarity of two prompts from which one is a near copy of the other."""

_MOST_POSTINGS = 60_000_000


@dataclass(frozen=True, slots=True)
class Overlap:
    """One thing that an eval row shares with a training row."""

    eval_id: str
    train_id: str
    what: str


def overlaps(
    eval_rows: Sequence[EvalRow], train_rows: Iterable[Mapping[str, Any]], *, near: float = NEAR
) -> list[Overlap]:
    """What eval rows share with training rows; at most one finding an eval row.

    Args:
        eval_rows: Rows of eval.
        train_rows: Rows of Ds and Dr, in the library's shape or in the minimal one.
        near: Similarity of prompts that counts as a copy.
    """
    groups: dict[str, str] = {}
    scenarios: dict[str, str] = {}
    texts: dict[str, str] = {}
    for number, row in enumerate(train_rows):
        name = str(row.get("id") or f"training row {number}")
        if group := row.get("group"):
            groups.setdefault(group, name)
        provenance = json_object(row.get("provenance")) or {}
        for scenario in (provenance.get("scenario_id"), row.get("twin_id")):
            if scenario:
                scenarios.setdefault(scenario, name)
        if row.get("messages"):
            texts.setdefault(prompt_text(row), name)
    copies = _near_copies([prompt_text(row) for row in eval_rows], list(texts), near)
    found = []
    for held, copy in zip(eval_rows, copies, strict=True):
        shared = [held["scenario_id"], held["twin_id"]]
        scenario = next((name for name in shared if name in scenarios), None)
        if held["group"] in groups:
            found.append(Overlap(held["id"], groups[held["group"]], f"group {held['group']}"))
        elif scenario is not None:
            found.append(Overlap(held["id"], scenarios[scenario], f"scenario {scenario}"))
        elif copy is not None:
            found.append(Overlap(held["id"], texts[copy], "nearly the same prompt"))
    return found


def _near_copies(wanted: Sequence[str], texts: list[str], near: float) -> list[str | None]:
    """For each wanted text, one of `texts` that is nearly the same, or None."""
    import numpy as np

    if not texts:
        return [None] * len(wanted)
    sets = [shingles(text) for text in texts]
    sizes = np.array([len(one) for one in sets])
    # Above this, a share of all runs stands for the rest, and what it finds is compared in full.
    thin = 1 + int(sizes.sum()) // _MOST_POSTINGS
    kept = [_thinned(one, thin) for one in sets]
    runs = np.concatenate(kept)
    owners = np.repeat(np.arange(len(kept)), [len(one) for one in kept])
    order = np.argsort(runs, kind="stable")
    runs, owners = runs[order], owners[order]
    seen: dict[str, str | None] = {}
    for text in wanted:
        if text not in seen:
            own = shingles(text)
            shared = _shared(_thinned(own, thin), runs, owners, len(texts))
            need = near if thin == 1 else near * 0.7
            union = (len(own) + sizes) / thin - shared
            likely = np.flatnonzero(shared >= need * union)
            seen[text] = next(
                (texts[n] for n in likely.tolist() if _jaccard(own, sets[n]) >= near), None
            )
    return [seen[text] for text in wanted]


def _thinned(one: npt.NDArray[np.uint64], thin: int) -> npt.NDArray[np.uint64]:
    import numpy as np

    if thin == 1:
        return one
    mixed = (one * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)
    kept: npt.NDArray[np.uint64] = one[mixed % np.uint64(thin) == 0]
    return kept


def _shared(
    own: npt.NDArray[np.uint64],
    runs: npt.NDArray[np.uint64],
    owners: npt.NDArray[np.intp],
    count: int,
) -> npt.NDArray[np.intp]:
    """How many runs each text has in common with one."""
    import numpy as np

    starts, ends = np.searchsorted(runs, own), np.searchsorted(runs, own, side="right")
    parts = [owners[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    return np.bincount(np.concatenate([owners[:0], *parts]), minlength=count)


def _jaccard(first: npt.NDArray[np.uint64], second: npt.NDArray[np.uint64]) -> float:
    import numpy as np

    shared = len(np.intersect1d(first, second, assume_unique=True))
    return shared / (len(first) + len(second) - shared)
