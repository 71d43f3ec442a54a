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
        int, Option(5, "Samples a scenario, unless `min_successes` is set.", ge=1)
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
    max_samples: Annotated[
        int, Option(8, "With `min_successes`, the most samples of a scenario.", ge=1)
    ]


@together(CountOptions)
def _one_way_to_count(options: CountOptions) -> str | None:
    enough, most = options["min_successes"], options["max_samples"]
    if enough is None:
        return "max_samples needs min_successes" if _is_set("max_samples", most) else None
    if _is_set("num_samples", options["num_samples"]):
        return "give either num_samples or min_successes"
    if most < enough:
        return f"max_samples is {most}; it must be min_successes ({enough}) or more"
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
