"""How scenarios are sampled: how many samples each gets, of which tokens, from which seed."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from cb_datasets.engines.journal.options import JournalOptions
from cb_datasets.engines.protocol import TokenOptions
from cb_datasets.options import Option, options_of, together


class CountOptions(TypedDict, total=False):
    """How to sample: how often."""

    num_samples: Annotated[
        int,
        Option(5, "Samples a scenario, unless `min_successes` or `min_pairs` is set.", ge=1),
    ]
    min_successes: Annotated[
        int | None,
        Option(
            None,
            "Sample a scenario until so many of its samples are what it is there for: an attack "
            "that won, or without an attack the right behaviour.",
            ge=1,
        ),
    ]
    min_pairs: Annotated[
        int | None,
        Option(
            None,
            "Sample an attacked scenario until so many of its samples are right and as many "
            "harmful; one without an attack until so many are right.",
            ge=1,
        ),
    ]
    max_samples: Annotated[
        int,
        Option(8, "With `min_successes` or `min_pairs`, the most samples of a scenario.", ge=1),
    ]


def is_adaptive(options: CountOptions) -> bool:
    """Whether how many samples a scenario gets depends on what they turn out to be."""
    return options["min_successes"] is not None or options["min_pairs"] is not None


@together(CountOptions)
def _one_way_to_count(options: CountOptions) -> str | None:
    successes, pairs = options["min_successes"], options["min_pairs"]
    most = options["max_samples"]
    if successes is not None and pairs is not None:
        return "give either min_successes or min_pairs"
    if not is_adaptive(options):
        needs = "max_samples needs min_successes or min_pairs"
        return needs if _is_set("max_samples", most) else None
    name = "min_pairs" if successes is None else "min_successes"
    if _is_set("num_samples", options["num_samples"]):
        return f"give either num_samples or {name}"
    if successes is not None and most < successes:
        return f"max_samples is {most}; it must be min_successes ({successes}) or more"
    if pairs is not None and most < 2 * pairs:
        return f"max_samples is {most}; it must be twice min_pairs ({2 * pairs}) or more"
    return None


def _is_set(name: str, value: object) -> bool:
    return bool(value != options_of(CountOptions)[name].option.default)


class SamplingOptions(CountOptions, TokenOptions, JournalOptions, total=False):
    """How to sample."""

    seed: Annotated[
        int,
        Option(
            0,
            "With the scenario's id and the sample's number it decides the sample, whatever "
            "stands beside it in a batch; in a build it decides the split, too.",
        ),
    ]
    timestamp: Annotated[
        str | None,
        Option(
            None,
            "ISO 8601 time that generated rows are stamped with; None takes `SOURCE_DATE_EPOCH` "
            "or the UTC day.",
        ),
    ]
