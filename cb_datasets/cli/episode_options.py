"""Options of every command that plays episodes: which ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from typing_extensions import TypedDict

from cb_datasets.cli.option_texts import options_by_name
from cb_datasets.errors import EpisodeError
from cb_datasets.options import Option, of_text


class _EnvOptions(TypedDict, total=False):
    """Which episodes."""

    env_option: Annotated[
        Sequence[str],
        Option(
            (),
            "OPTION=VALUE, such as suite=banking, attacks=direct,important_instructions, "
            "user_tasks=user_task_0, model_name=Llama or rollouts=4.",
            flag="--env-option -O",
        ),
    ]


class EpisodeOptions(_EnvOptions, total=False):
    """Which episodes."""

    env: Annotated[str, Option("demo", "Episodes: agentdojo or demo.")]


class LiveOptions(_EnvOptions, total=False):
    """Which episodes."""

    env: Annotated[
        str | None,
        Option(None, "In the place of an eval set, episodes played live: agentdojo or demo."),
    ]


def episode_options(env: str, given: Sequence[str]) -> dict[str, Any]:
    """The options of a source of episodes, from texts with an equals sign.

    Raises:
        EpisodeError: There is no such source, or a text has no equals sign.
    """
    from cb_datasets.rollouts.run import find_episodes

    texts = options_by_name("--env-option", list(given), EpisodeError)
    return of_text(texts, find_episodes(env)[1])
