"""`cb-datasets evaluate --env`: a model, or two, before episodes that are played live."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.cli.console import quiet_libraries
from cb_datasets.cli.engine_options import EngineOptions, engine_of
from cb_datasets.cli.episode_options import LiveOptions, episode_options
from cb_datasets.cli.kept_samples import journal_of, said_how_to_go_on
from cb_datasets.cli.progress import progress
from cb_datasets.cli.shown_report import show_report, write_report
from cb_datasets.errors import EvalError
from cb_datasets.evaluation.options import EpisodeEvalOptions
from cb_datasets.options import options_of

if TYPE_CHECKING:
    pass

_OF_ROWS = ("num_samples", "min_forced_call_asr", "judge", "train", "attach")
"""Options that are for rows of an eval set alone."""

_OF_EPISODES = ("env_option", "max_turns", "trajectories", "call_timeout")
"""Options that are for episodes alone."""


def check_asked(
    folder: Path | None, env: str | None, *asked: tuple[type, Mapping[str, Any]]
) -> None:
    """See that an eval set or episodes are asked for, with options of the one that it is.

    Args:
        folder: The eval set's, if there is one.
        env: Where episodes are from, if they are asked for.
        *asked: Concerns, each with the values of its options.

    Raises:
        EvalError: Both are asked for or neither, or an option is for the other.
    """
    if (folder is None) == (env is None):
        raise EvalError("give either a dataset folder or --env, which plays episodes live")
    given = {
        name
        for concern, values in asked
        for name, found in options_of(concern).items()
        if values[name] != found.option.default
    }
    strange = [name for name in (_OF_EPISODES if env is None else _OF_ROWS) if name in given]
    if strange:
        goes = "goes with --env only" if env is None else "is for eval sets, not for --env"
        hint = "; -O rollouts=N plays episodes again" if strange[0] == "num_samples" else ""
        raise EvalError(f"--{strange[0].replace('_', '-')} {goes}{hint}")


def evaluate_live(
    live: LiveOptions,
    engine: EngineOptions,
    defended: EngineOptions | None,
    options: EpisodeEvalOptions,
    *,
    output: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Play the episodes, print and write the report; exit 1 if it proves nothing."""
    from cb_datasets import evaluation
    from cb_datasets.dataset.whole import whole_folder
    from cb_datasets.evaluation.episodes.run import Listed
    from cb_datasets.rollouts.run import episode_source

    env = str(live["env"])
    chosen = episode_options(env, live["env_option"])
    quiet_libraries()
    source = Listed(episode_source(env, chosen))
    compare = None if defended is None else defended["model"]
    own_journal = journal_of("evaluate", env, *live["env_option"], engine["model"], compare)
    kept = options["journal"] or own_journal
    played: EpisodeEvalOptions = {**options, "journal": kept}
    total = len(source.listed) * (1 if defended is None else 2)
    with ExitStack() as held:
        folder = None
        if output is not None:
            folder = held.enter_context(whole_folder(output, overwrite=overwrite))
        with said_how_to_go_on(kept), progress("episodes", total) as done:
            report = evaluation.evaluate_episodes(
                engine_of(engine),
                source,
                compare=None if defended is None else engine_of(defended),
                folder=folder,
                progress=done,
                **played,
            )
        if folder is not None:
            write_report(report, folder)
    shutil.rmtree(own_journal, ignore_errors=True)
    show_report(report, output, as_json=as_json)
