"""`cb-datasets rollout`: episodes played live in tool environments, written as trajectories."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cb_datasets.cli.console import quiet_libraries, say, say_json
from cb_datasets.cli.engine_options import EngineOptions, engine_of
from cb_datasets.cli.episode_options import EpisodeOptions, episode_options
from cb_datasets.cli.flags import with_flags
from cb_datasets.cli.kept_samples import journal_of, said_how_to_go_on
from cb_datasets.cli.output_options import JSONOptions
from cb_datasets.errors import EpisodeError
from cb_datasets.rollouts.options import RolloutOptions


@with_flags(EpisodeError)
def rollout(
    folder: Annotated[Path, typer.Argument(help="Folder to write the trajectories to.")],
    *,
    episodes: EpisodeOptions,
    engine: EngineOptions,
    sampling: RolloutOptions,
    write: JSONOptions,
) -> None:
    """Play episodes with a model and keep every decision; build reads them as `rollouts=FOLDER`.

    Without --model: the bundled tiny agent in the demo environment, offline.
    """
    from cb_datasets.rollouts.run import rollout as play

    env = episodes["env"]
    chosen = episode_options(env, episodes["env_option"])
    quiet_libraries()
    kept = sampling["journal"] or journal_of("rollout", folder, env, engine["model"])
    options: RolloutOptions = {**sampling, "journal": kept}
    with said_how_to_go_on(kept):
        report = play(env, engine_of(engine), folder, episodes=chosen, **options)
    made = report.to_dict()
    if write["as_json"]:
        say_json(made)
        return
    for name, value in made.items():
        counts = value.items() if isinstance(value, dict) else ()
        shown = ", ".join(f"{what} {count}" for what, count in counts) or value
        say(f"{name.replace('_', ' ')}: {shown}")
    say(f"written: {folder}")
