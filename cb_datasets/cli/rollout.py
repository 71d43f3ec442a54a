"""`cb-datasets rollout`: episodes played live in tool environments, written as trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typing_extensions import TypedDict

from cb_datasets.cli.console import quiet_libraries, say, say_json
from cb_datasets.cli.engine_options import EngineOptions, engine_of
from cb_datasets.cli.flags import with_flags
from cb_datasets.cli.kept_samples import journal_of, said_how_to_go_on
from cb_datasets.cli.option_texts import options_by_name
from cb_datasets.cli.output_options import JSONOptions
from cb_datasets.errors import EpisodeError
from cb_datasets.options import Option, of_text
from cb_datasets.rollouts.options import RolloutOptions


class EpisodeOptions(TypedDict, total=False):
    """Which episodes."""

    env: Annotated[str, Option("demo", "Episodes: agentdojo or demo.")]
    env_option: Annotated[
        Sequence[str],
        Option(
            (),
            "OPTION=VALUE, such as suite=banking, attacks=direct,important_instructions, "
            "user_tasks=user_task_0, model_name=Llama or rollouts=4.",
            flag="--env-option -O",
        ),
    ]


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
    from cb_datasets.rollouts.run import find_episodes
    from cb_datasets.rollouts.run import rollout as play

    env = episodes["env"]
    texts = options_by_name("--env-option", list(episodes["env_option"]), EpisodeError)
    chosen = of_text(texts, find_episodes(env)[1])
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
