"""What, beside scenarios and engine, decides the sets of a build."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from typing_extensions import TypedDict

from cb_datasets.errors import BuildError
from cb_datasets.options import Option, checked, options_of
from cb_datasets.sets.hold_out import HoldOuts, hold_outs
from cb_datasets.sets.retain_mix import read_quotas, read_weights
from cb_datasets.transforms.options import SamplingOptions, is_adaptive


class SplitOptions(TypedDict, total=False):
    """How to split and select: what is for eval, and what says the same."""

    eval_fraction: Annotated[
        float, Option(0.2, "Share of the groups held out for eval.", ge=0, le=1)
    ]
    hold_out: Annotated[
        HoldOuts,
        Option(
            None,
            "What is kept out of training altogether: `source=NAME`, `category=NAME` or "
            "`template=NAME`, or a mapping of these. A group of nothing else goes to eval as a "
            "whole, whatever `eval_fraction` is, and if there is none one of the others does; in a "
            "group that has other scenarios too and is not held out, those with it are left out.",
            check=hold_outs,
        ),
    ]
    near_duplicates: Annotated[
        float | None,
        Option(
            0.9,
            "Similarity from which scenarios, and samples of one scenario, are near duplicates of "
            "which one is kept; None or 0 removes exact duplicates only.",
            ge=0.5,
            le=1,
            check=lambda given: None if given == 0 else given,
        ),
    ]


class SelectionOptions(TypedDict, total=False):
    """How to split and select: what the sets take."""

    redact_harmful_prompt: Annotated[
        bool, Option(False, "Take the injected text out of the messages of Ds rows.")
    ]
    include_forced_calls: Annotated[bool, Option(True, "Add forced function calling rows to eval.")]
    dr_per_ds: Annotated[
        float,
        Option(
            4.0,
            "Rows of Dr for each row of Ds that there should be: below it the statistics say so, "
            "and with `retain_weights` Dr is cut to it.",
            ge=0,
        ),
    ]
    retain_quotas: Annotated[
        Mapping[str, int] | None,
        Option(
            None, "At most so many rows of a kind of Dr.", check=read_quotas, flag="--retain-quota"
        ),
    ]
    retain_weights: Annotated[
        Mapping[str, float] | None,
        Option(
            None,
            "The share of each kind of Dr, relative to the others.",
            check=read_weights,
            flag="--retain-weight",
        ),
    ]


class BuildOptions(SamplingOptions, SplitOptions, SelectionOptions, total=False):
    """How a build is made: sampled, split and selected."""


def build_options(given: Mapping[str, Any]) -> BuildOptions:
    """All options of a build: those given, and the defaults of the others.

    Raises:
        BuildError: One is out of range or means nothing.

    Example:
        >>> build_options({"eval_fraction": 0.1})["num_samples"]
        5
    """
    return checked(BuildOptions, given, BuildError)


def options_facts(options: BuildOptions) -> dict[str, Any]:
    """The options that decide the rows, as plain JSON data; `build_options` reads them again."""
    idle = {"num_samples"} if is_adaptive(options) else {"max_samples"}
    idle.update(name for name in ("min_successes", "min_pairs") if options[name] is None)
    facts: Mapping[str, Any] = {
        **options,
        "hold_out": list(hold_outs(options["hold_out"])),
        "retain_quotas": dict(options["retain_quotas"] or {}),
        "retain_weights": dict(options["retain_weights"] or {}),
    }
    return {
        name: facts[name]
        for name, found in options_of(BuildOptions).items()
        if found.option.decides_rows and name not in idle
    }
