"""Whether an eval set was trained on: groups, scenarios, twins and near copies on both sides.

In: eval rows and rows of the training sets. Out: what they share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cb_datasets.prompt_text import prompt_text
from cb_datasets.records import EvalRow
from cb_datasets.schema import json_object
from cb_datasets.similarity import SimilarityIndex

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from cb_datasets.similarity import Numbers

NEAR = 0.8
"""Jaccard similarity of two prompts from which one is a near copy of the other."""

_BATCH = 256


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

    index, everything = SimilarityIndex(), [*texts, *wanted]
    for start in range(0, len(everything), _BATCH):
        index.add(everything[start : start + _BATCH])
    copied = np.zeros(len(everything), bool)
    found: list[str | None] = [None] * len(wanted)

    def comparable(firsts: Numbers, others: Numbers) -> npt.NDArray[np.bool_]:
        return (firsts < len(texts)) & (others >= len(texts))

    for copy, number in index.pairs(near, comparable, gone=copied):
        copied[number] = True
        found[number - len(texts)] = texts[copy]
    return found
