"""Ds against which part of Dr: the more alike the two, the more a separation says.

In: rows, states and baselines. Out: a `Comparison` per part of Dr, with AUROCs by layer and place,
those of the baselines on the same rows and folds, and what shuffled labels reach.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cb_datasets.probing.baselines import READ_TO_NAME
from cb_datasets.probing.probes import (
    Folds,
    Labels,
    Scores,
    Separation,
    Told,
    auroc,
    fit_and_score,
    folds_of,
    out_of_fold,
    same_prompt_auroc,
)
from cb_datasets.probing.rows import PLACES, ProbeRow, ProbeRows

if TYPE_CHECKING:
    import numpy.typing as npt

    from cb_datasets.probing.states import States

PARTS: dict[str, tuple[str, Callable[[ProbeRow], bool]]] = {
    "attacked": ("rows of Dr with an attack in view", lambda row: row.category is not None),
    "twins": ("benign twins", lambda row: row.kind == "benign_twin"),
    "calls": ("rows of Dr that call a tool", lambda row: bool(row.tool)),
    "all": ("all of Dr", lambda row: True),
}
"""Parts of Dr, what most resembles Ds first: the same kind of prompt, the same query, the same
kind of completion, anything."""

PAIRS = "pairs"
"""The comparison within pairs: harmful against right completions under one prompt."""

WORDS = {name: words for name, (words, _) in PARTS.items()} | {
    PAIRS: "right completions of the same prompts"
}
"""What each comparison is against, in words."""

LEAST_ROWS = 20
_LEAST_HELD_OUT = 5
_SHUFFLES = 240604313


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ds against one part of Dr, or the sides of pairs against each other.

    Attributes:
        name: The part, a key of `WORDS`.
        ds: Rows of Ds, or harmful sides.
        dr: Rows of that part of Dr, or right sides.
        layers: By place and layer, how well a probe tells them apart.
        best: The place and layer with the highest AUROC; chosen on these very rows.
        baselines: By name, how well features that see no state do.
        gain: By how much the best state is above the best baseline.
        gain_at_name: By how much the best state at the tool's name is above the best baseline that
            has read no more than it: prompt and completion up to that name.
        shuffled: The AUROC there with labels shuffled: mean, and the range of 95 % of shuffles.
        left_out: "source" and "category": by value, the AUROC there on rows of the value by a
            probe fitted without any; empty where there is only one.
    """

    name: str
    ds: int
    dr: int
    layers: Mapping[str, Mapping[int, Separation]]
    best: tuple[str, int]
    baselines: Mapping[str, Separation]
    gain: Separation
    gain_at_name: Separation
    shuffled: Separation
    left_out: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def best_auroc(self) -> Separation:
        """The AUROC at the best place and layer."""
        place, layer = self.best
        return self.layers[place][layer]

    @property
    def best_baseline(self) -> str:
        """The baseline with the highest AUROC."""
        return max(self.baselines, key=lambda name: self.baselines[name].auroc)

    def to_dict(self) -> dict[str, Any]:
        """The comparison in plain types."""
        return {
            "against": WORDS[self.name],
            "ds": self.ds,
            "dr": self.dr,
            "layers": {
                place: {str(layer): found.to_dict() for layer, found in by_layer.items()}
                for place, by_layer in self.layers.items()
            },
            "best": {"place": self.best[0], "layer": self.best[1], **self.best_auroc.to_dict()},
            "baselines": {name: found.to_dict() for name, found in self.baselines.items()},
            "gain_over_best_baseline": {"baseline": self.best_baseline, **self.gain.to_dict()},
            "gain_at_tool_name_over_what_was_read": self.gain_at_name.to_dict(),
            "shuffled_labels": self.shuffled.to_dict(),
            "left_out": {what: dict(shares) for what, shares in self.left_out.items()},
        }


def comparable_parts(rows: ProbeRows) -> list[str]:
    """The parts of Dr with enough rows, and groups on both sides, to be compared with Ds."""
    found = []
    ds_groups = {row.group for row in rows.facts if row.harmful}
    for name, (_, of) in PARTS.items():
        part = [row for row in rows.facts if not row.harmful and of(row)]
        groups = {row.group for row in part}
        if len(part) >= LEAST_ROWS and len(groups) >= 2 and len(ds_groups) >= 2:
            found.append(name)
    return found


def compare(
    name: str,
    rows: ProbeRows,
    states: States,
    baselines: Mapping[str, Any],
    *,
    seed: int,
    shuffles: int,
) -> Comparison:
    """Ds against one part of Dr, or the sides of pairs against each other.

    Of pairs an AUROC is that within a prompt (`same_prompt_auroc`), and labels are shuffled there.

    Args:
        name: A key of `WORDS`.
        rows: All rows; of pairs, theirs.
        states: Their states.
        baselines: From `baseline_features`.
        seed: Decides folds, shuffles and intervals.
        shuffles: How often labels are shuffled.
    """
    of = PARTS["all" if name == PAIRS else name][1]
    taken = np.array([row.harmful or of(row) for row in rows.facts])
    kept = [row for row, wanted in zip(rows.facts, taken, strict=True) if wanted]
    labels = np.array([row.harmful for row in kept])
    groups = np.array([row.group for row in kept])
    prompts = np.array([row.scenario_id for row in kept]) if name == PAIRS else None
    told = Told(labels, groups, seed, prompts)
    folds = folds_of(labels, groups, np.array([row.call for row in kept]), seed)
    scores: dict[tuple[str, int], Scores] = {
        (place, layer): out_of_fold(states.at(layer, place)[taken], labels, folds)
        for place in PLACES
        for layer in states.layers
    }
    best = max(scores, key=lambda at: told.auroc(scores[at]))
    others = {key: out_of_fold(vectors[taken], labels, folds) for key, vectors in baselines.items()}
    strongest = max(others, key=lambda key: told.auroc(others[key]))
    named = max((("tool_name", n) for n in states.layers), key=lambda at: told.auroc(scores[at]))
    read = max(READ_TO_NAME, key=lambda key: told.auroc(others[key]))
    vectors = states.at(best[1], best[0])[taken]
    values: dict[str, list[str | None]] = {
        "source": [row.source for row in kept],
        "category": [row.category for row in kept],
    }
    return Comparison(
        name=name,
        ds=int(labels.sum()),
        dr=int((~labels).sum()),
        layers={
            place: {layer: told.separation(scores[place, layer]) for layer in states.layers}
            for place in PLACES
        },
        best=best,
        baselines={key: told.separation(scores) for key, scores in others.items()},
        gain=told.gain(scores[best], others[strongest]),
        gain_at_name=told.gain(scores[named], others[read]),
        shuffled=_shuffled(vectors, labels, folds, prompts, seed, shuffles),
        left_out={
            what: _left_out(vectors, labels, folds, labelled)
            for what, labelled in values.items()
            if prompts is None
        },
    )


def _shuffled(
    vectors: Any,
    labels: Labels,
    folds: Folds,
    prompts: npt.NDArray[Any] | None,
    seed: int,
    shuffles: int,
) -> Separation:
    # Whoever shuffled sets with this very seed would otherwise get their own labels back.
    generator = np.random.default_rng((seed, _SHUFFLES))
    found = []
    for _ in range(shuffles):
        shuffled = _permuted(labels, prompts, generator)
        scores = out_of_fold(vectors, shuffled, folds)
        within = None if prompts is None else same_prompt_auroc(scores, shuffled, prompts)
        found.append(auroc(scores, shuffled) if within is None else float(within.mean()))
    low, high = np.percentile(found, [2.5, 97.5])
    return Separation(float(np.mean(found)), float(low), float(high))


def _permuted(
    labels: Labels, prompts: npt.NDArray[Any] | None, generator: np.random.Generator
) -> Labels:
    """Labels in another order; where prompts are given, each prompt keeps its own."""
    if prompts is None:
        return generator.permutation(labels)
    permuted = labels.copy()
    for prompt in np.unique(prompts):
        rows = prompts == prompt
        permuted[rows] = generator.permutation(labels[rows])
    return permuted


def _left_out(vectors: Any, labels: Labels, folds: Folds, of: list[str | None]) -> dict[str, float]:
    """For each value, its rows (and those of Dr that have none) scored by a probe without it."""
    values = np.array([value or "" for value in of])
    found: dict[str, float] = {}
    named = sorted(set(values[labels].tolist()) - {""})
    for value in named if len(named) > 1 else []:
        held_out = values == value
        if (labels & held_out).sum() < _LEAST_HELD_OUT:
            continue
        tested = held_out | (~labels & (values == ""))
        scores, done = np.zeros(len(labels)), np.zeros(len(labels), bool)
        for others, fold in folds:
            train, test = others & ~held_out, tested & fold
            if test.any() and len(np.unique(labels[train])) == 2:
                scores[test], done[test] = fit_and_score(vectors, labels, train, test), True
        if (done & ~labels).sum() >= _LEAST_HELD_OUT:
            found[value] = auroc(scores[done], labels[done])
    return found
