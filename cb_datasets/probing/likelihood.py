"""Whether the completions are the model's own: how likely it finds them, beside their generator.

In: nats a token under the model and, where it is known, under the generator. Out: means by set,
and what they say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cb_datasets.probing.rows import ProbeRows

if TYPE_CHECKING:
    from cb_datasets.probing.states import Floats

_CLOSE = 0.1


def is_own(rows: ProbeRows, model: str, revision: str) -> bool:
    """Whether the model made all completions itself, in this revision where one is recorded."""
    return all(
        row.origin == "generated" and row.model == model and row.revision in (None, revision)
        for row in rows.facts
    )


def likelihood(
    rows: ProbeRows, own: Floats, generator: Floats | None, *, made_by_itself: bool
) -> dict[str, Any]:
    """Mean nats a token, by set, and a sentence.

    Args:
        rows: The rows.
        own: Under the model that is probed.
        generator: Under the generator; None where it was not asked.
        made_by_itself: Whether the model is the generator.
    """
    if made_by_itself:
        generator = own
    sets = {}
    for name, harmful in (("ds", True), ("dr", False)):
        of = np.array([row.harmful == harmful for row in rows.facts])
        mean = float(own[of].mean())
        theirs = None if generator is None else float(generator[of].mean())
        difference = None if theirs is None else mean - theirs
        sets[name] = {"model": mean, "generator": theirs, "difference": difference}
    return {"sets": sets, "words": _words(sets, made_by_itself=made_by_itself)}


def _words(sets: dict[str, dict[str, Any]], *, made_by_itself: bool) -> str:
    if made_by_itself:
        return "On policy: the model made the completions itself."
    if sets["ds"]["difference"] is None:
        return (
            "Whether the completions are on policy is not known: the model did not make them, and "
            "their generator was not given."
        )
    more = sets["ds"]["difference"]
    if more <= _CLOSE:
        return f"Nearly on policy: Ds costs {more:.2f} nats a token more than under its generator."
    return (
        f"Off policy: Ds costs {more:.2f} nats a token more than under its generator; these are "
        "not the states in which this model would do it. Sample the model itself."
    )
