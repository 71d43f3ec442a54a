"""The whole way from scenarios to Ds, Dr, pairs and eval, with an account of what was left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from cb_datasets.dataset.accounting import check_account
from cb_datasets.dataset.sets import Sets
from cb_datasets.judge.outcome import Judge
from cb_datasets.options import takes
from cb_datasets.records import SET_RECORDS
from cb_datasets.schema import set_table
from cb_datasets.sets.options import BuildOptions, build_options
from cb_datasets.sets.pairs import without_rows
from cb_datasets.sets.retain_mix import retain_mix
from cb_datasets.sets.rows import rejected_training_row
from cb_datasets.sets.selection import Decision
from cb_datasets.sets.set_build import Progress, Sampled, SetBuild
from cb_datasets.sets.set_rows import SetRows

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from cb_datasets.engines.protocol import Engine

_OVER_QUOTA = Decision("rejected", "over_quota", "there are enough rows of its kind in Dr")


@takes(BuildOptions)
def build_sets(
    scenarios: Dataset,
    engine: Engine | None = None,
    *,
    tokenizer: PreTrainedTokenizerBase | str | None = None,
    judge: Judge | str | None = None,
    progress: Progress | None = None,
    watch: Callable[[Sampled], None] | None = None,
    **options: Unpack[BuildOptions],
) -> Sets:
    """Make the circuit breaker set, the retain set, pairs and the eval set from scenarios.

    Args:
        scenarios: From `load_source`; several sources are joined with
            `datasets.concatenate_datasets`.
        engine: Samples the scenarios without a recorded completion; without an engine these are
            rejected.
        tokenizer: The target's, or its folder or Hub id: it makes the token ids of recorded rows.
            None takes the engine's; with neither, the columns of token ids are null, and
            `to_token_ids` can make them later. With an engine it must have its vocabulary.
        judge: Another judge, or its name; see `LabelOutcome`. Its word counts where an attack has
            no targets, too: without one, an answer to such an attack is rejected as
            `goal_not_judged`.
        progress: Called with the number of scenarios just finished.
        watch: Called with each sample as it is finished.
        **options: How to sample, split and select.

    Returns:
        The sets. The same scenarios, seed and engine give the same rows in the same order.

    Raises:
        BuildError: Scenario ids are not unique, or an option is out of range or means nothing.
        JudgeError: There is no judge of that name.

    Example:
        >>> sets = cb.build_sets(cb.load_source("demo"), cb.load_engine("transformers"))
        ... # doctest: +SKIP
    """
    chosen = build_options(options)
    build = SetBuild(scenarios, engine, chosen, tokenizer=tokenizer, judge=judge)
    sample_all(build, progress, watch)
    return collect(build, progress)


def sample_all(
    build: SetBuild,
    progress: Progress | None = None,
    watch: Callable[[Sampled], None] | None = None,
) -> None:
    """Sample all scenarios of a build that need it, as one stream; see `build_sets`."""
    for _ in build.sample(build.to_sample(), progress=progress, watch=watch):
        pass


def collect(build: SetBuild, progress: Progress | None = None) -> Sets:
    """The sets of a build, all its rows gone through and accounted for.

    Args:
        build: The build.
        progress: See `build_sets`.
    """
    rows = rows_by_set(build, progress=progress)
    sets = Sets(
        **{name: set_table(getattr(rows, name), record) for name, record in SET_RECORDS.items()},
        facts=build.facts(),
    )
    check_account(sets)
    return sets


def rows_by_set(
    build: SetBuild, indices: Iterable[int] | None = None, *, progress: Progress | None = None
) -> SetRows:
    """The rows of a build, with as much of each kind in Dr as its options say.

    Args:
        build: The build.
        indices: See `SetBuild.rows`; how much of a kind is wanted may depend on all of training.
        progress: See `build_sets`.
    """
    rows = SetRows()
    for row in build.rows(indices, progress=progress):
        rows.add(row)
    options = build.options
    if is_mixed(options):
        rows.dr[:], over = retain_mix(
            rows.dr,
            {row["labels"]["observed_tool"] for row in rows.ds},
            size=math.ceil(options["dr_per_ds"] * len(rows.ds)),
            quotas=options["retain_quotas"] or {},
            weights=options["retain_weights"] or {},
            seed=options["seed"],
        )
        rows.rejected.extend(rejected_training_row(row, _OVER_QUOTA) for row in over)
        gone = {row["id"] for row in over}
        rows.pairs[:] = [without_rows(pair, gone) for pair in rows.pairs]
    return rows


def is_mixed(options: BuildOptions) -> bool:
    """Whether which rows of Dr stay depends on what else there is."""
    return bool(options["retain_quotas"] or options["retain_weights"])
