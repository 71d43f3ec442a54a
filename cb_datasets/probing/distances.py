"""Where the states of Ds lie: how far from their benign twins, and who of Dr lies nearer to them.

In: states of one layer and place. Out: cosines and shares. Nothing is fitted here.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cb_datasets.probing.rows import ProbeRow, ProbeRows

if TYPE_CHECKING:
    from cb_datasets.probing.states import Vectors


@dataclass(frozen=True, slots=True)
class TwinSeparation:
    """Cosines of states to the states of their benign twins, from the mean of all states.

    Attributes:
        pairs: Rows of Ds whose twin is in Dr.
        harmful: Mean cosine of these to their twins.
        safe_pairs: Rows of Dr under attack, done right, whose twin is in Dr.
        safe: Mean cosine of these to their twins; None where there are none. A state of harm is
            one that leads away from the twin further than an attack in view does.
    """

    pairs: int
    harmful: float | None
    safe_pairs: int
    safe: float | None

    def to_dict(self) -> dict[str, Any]:
        """The numbers in plain types."""
        return asdict(self)


def twin_separation(rows: ProbeRows, states: Vectors) -> TwinSeparation:
    """How alike the states of rows and of their benign twins are, at the same place."""
    centred = states - states.mean(axis=0)
    twins: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows.facts):
        if not row.harmful and row.category is None:
            twins[row.scenario_id].append(number)
    cosines: dict[bool, list[float]] = {True: [], False: []}
    for number, row in enumerate(rows.facts):
        own = twins.get(row.twin_id or "")
        if own and row.category is not None:
            cosines[row.harmful].append(_cosine(centred[number], centred[own].mean(axis=0)))
    harmful, safe = cosines[True], cosines[False]
    return TwinSeparation(len(harmful), _mean(harmful), len(safe), _mean(safe))


def nearer_to_ds(rows: ProbeRows, states: Vectors) -> dict[str, float]:
    """The share of Dr rows whose state is nearer to the mean of Ds than to that of Dr.

    Distances are Euclidean, each dimension in units of its spread.

    Returns:
        The share of all of Dr under "all", and of each of its kinds.
    """
    harmful = np.array([row.harmful for row in rows.facts])
    scaled = states / np.maximum(states.std(axis=0), 1e-12)
    centres = [scaled[harmful == of].mean(axis=0) for of in (True, False)]
    to_ds, to_dr = (np.linalg.norm(scaled[~harmful] - centre, axis=1) for centre in centres)
    nearer = to_ds < to_dr
    kept: list[ProbeRow] = [row for row in rows.facts if not row.harmful]
    kinds = np.array([row.kind for row in kept])
    shares = {"all": float(nearer.mean())}
    for kind in sorted(set(kinds.tolist())):
        shares[kind] = float(nearer[kinds == kind].mean())
    return shares


def _cosine(first: Vectors, second: Vectors) -> float:
    scale = np.linalg.norm(first) * np.linalg.norm(second)
    return float(first @ second / max(float(scale), 1e-12))


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
