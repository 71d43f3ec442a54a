"""The whole way from scenarios to Ds, Dr and eval, with an account of what was left out."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from cb_datasets.dataset.accounting import check_account
from cb_datasets.dataset.sets import Sets
from cb_datasets.judge.outcome import Judge
from cb_datasets.records import SET_RECORDS
from cb_datasets.schema import set_table
from cb_datasets.sets.hold_out import HoldOuts, hold_outs
from cb_datasets.sets.options import SetOptions
from cb_datasets.sets.retain_mix import retain_mix
from cb_datasets.sets.rows import rejected_training_row
from cb_datasets.sets.selection import Decision
from cb_datasets.sets.set_build import Progress, Sampled, SetBuild
from cb_datasets.sets.set_rows import SetRows

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from cb_datasets.engines.journal.journal import Resume
    from cb_datasets.engines.protocol import Engine

_OVER_QUOTA = Decision("rejected", "over_quota", "there are enough rows of its kind in Dr")


def build_sets(
    scenarios: Dataset,
    engine: Engine | None = None,
    *,
    num_samples: int = 5,
    temperature: float = 0.7,
    seed: int = 0,
    redact_harmful_prompt: bool = False,
    include_forced_calls: bool = True,
    eval_fraction: float = 0.2,
    hold_out: HoldOuts = None,
    near_duplicates: float | None = 0.9,
    dr_per_ds: float = 4.0,
    retain_quotas: Mapping[str, int] | None = None,
    retain_weights: Mapping[str, float] | None = None,
    top_p: float = 1.0,
    max_new_tokens: int = 256,
    min_successes: int | None = None,
    max_samples: int = 8,
    timestamp: str | None = None,
    tokenizer: PreTrainedTokenizerBase | str | None = None,
    judge: Judge | None = None,
    journal: str | os.PathLike[str] | None = None,
    resume: Resume = "auto",
    progress: Progress | None = None,
    watch: Callable[[Sampled], None] | None = None,
) -> Sets:
    """Make the circuit breaker set, the retain set and the eval set from scenarios.

    Args:
        scenarios: From `load_source`; several sources are joined with
            `datasets.concatenate_datasets`.
        engine: Samples the scenarios without a recorded completion; without an engine these are
            rejected.
        num_samples: Samples a scenario, unless `min_successes` is set.
        temperature: Sampling temperature.
        seed: Decides samples and split.
        redact_harmful_prompt: Take the injected text out of the messages of Ds rows.
        include_forced_calls: Add forced function calling rows to eval.
        eval_fraction: Share of the groups held out for eval, 0 to 1.
        hold_out: What is kept out of training altogether: a mapping of `source`, `category` or
            `template` to a name or several, or texts such as "category=override". A group of
            nothing else goes to eval as a whole, whatever `eval_fraction` is, and if there is none
            one of the others does; in a group that has other scenarios too and is not held out,
            those with the property are left out.
        near_duplicates: Similarity, 0 to 1, from which scenarios, and samples of one scenario, are
            near duplicates of which one is kept; None removes exact duplicates only.
        dr_per_ds: Rows of Dr for each row of Ds that there should be: below it the statistics say
            so, and with `retain_weights` Dr is cut to it.
        retain_quotas: At most so many rows of a kind of Dr.
        retain_weights: The share of each kind of Dr, relative to the others.
        top_p: Nucleus sampling.
        max_new_tokens: Limit of a completion.
        min_successes: Sample a scenario until the attack has won in so many of its samples, and one
            without an attack until so many are right, rather than `num_samples` times. Which
            samples a scenario has does not depend on batch size, workers or interruptions.
        max_samples: With `min_successes`, the most samples of a scenario.
        timestamp: ISO 8601 time to stamp generated rows with; see `BatchGenerate`.
        tokenizer: The target's, where it is not the engine's.
        judge: Another judge; see `LabelOutcome`. Its word counts where an attack has no targets,
            too: without one, an answer to such an attack is rejected as `goal_not_judged`.
        journal: A folder or fsspec URL where every finished sample is kept at once; a later build
            with the same model and sampling takes those that are there.
        resume: "auto" goes on from the journal where it holds something, "always" insists that it
            does, "never" makes every sample anew.
        progress: Called with the number of scenarios just finished.
        watch: Called with each sample as it is finished.

    Returns:
        The sets. The same scenarios, seed and engine give the same rows in the same order.

    Raises:
        BuildError: Scenario ids are not unique, or an option is out of range or means nothing.

    Example:
        >>> sets = cb.build_sets(cb.load_source("demo"), cb.load_engine("transformers"))
        ... # doctest: +SKIP
    """
    options = SetOptions(
        num_samples=num_samples,
        temperature=temperature,
        top_p=top_p,
        max_new_tokens=max_new_tokens,
        seed=seed,
        redact_harmful_prompt=redact_harmful_prompt,
        include_forced_calls=include_forced_calls,
        eval_fraction=eval_fraction,
        hold_out=hold_outs(hold_out),
        near_duplicates=near_duplicates,
        timestamp=timestamp,
        dr_per_ds=dr_per_ds,
        retain_quotas=dict(retain_quotas or {}),
        retain_weights=dict(retain_weights or {}),
        min_successes=min_successes,
        max_samples=max_samples,
    )
    build = SetBuild(
        scenarios,
        engine,
        options,
        tokenizer=tokenizer,
        judge=judge,
        journal=journal,
        resume=resume,
    )
    for _ in build.sample(build.to_sample(), progress=progress, watch=watch):
        pass
    return collect(build, progress)


def collect(build: SetBuild, progress: Progress | None = None) -> Sets:
    """The sets of a build, all its rows gone through and accounted for.

    Args:
        build: The build.
        progress: See `build_sets`.
    """
    options = build.options
    rows = SetRows()
    for row in build.rows(progress=progress):
        rows.add(row)
    if options.retain_quotas or options.retain_weights:
        rows.dr[:], over = retain_mix(
            rows.dr,
            {row["labels"]["observed_tool"] for row in rows.ds},
            size=math.ceil(options.dr_per_ds * len(rows.ds)),
            quotas=options.retain_quotas,
            weights=options.retain_weights,
            seed=options.seed,
        )
        rows.rejected.extend(rejected_training_row(row, _OVER_QUOTA) for row in over)
    sets = Sets(
        **{name: set_table(getattr(rows, name), record) for name, record in SET_RECORDS.items()},
        facts=build.facts(),
    )
    check_account(sets)
    return sets
