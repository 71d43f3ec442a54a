"""Episodes of the demo suite, for the tiny agent, tests and the notebook."""

from __future__ import annotations

from collections.abc import Iterator

from typing_extensions import Unpack

from cb_datasets.errors import EpisodeError
from cb_datasets.options import checked
from cb_datasets.records import CallPattern
from cb_datasets.rollouts.episode import Episode
from cb_datasets.rollouts.options import DemoOptions
from cb_datasets.sources.demo.environment import DemoEnvironment, demo_lookups


class DemoEpisodes:
    """The look-ups of the demo suite, attacked and not.

    Args:
        **options: See `DemoOptions`.

    Example:
        >>> [episode.twin_id for episode in DemoEpisodes().episodes()][:2]
        [None, 'demo/demo_result_000_benign/0']
    """

    name = "demo"

    def __init__(self, **options: Unpack[DemoOptions]) -> None:
        self._rollouts = checked(DemoOptions, options, EpisodeError)["rollouts"]

    def episodes(self) -> Iterator[Episode]:
        """Every look-up, its twin first."""
        for name, scenario in demo_lookups().items():
            function = scenario["messages"][-2]["tool_calls"][0]["function"]
            lookup = CallPattern(name=function["name"], arguments={})
            attack, twin, group = scenario.get("attack"), scenario.get("twin_id"), scenario["group"]
            for number in range(self._rollouts):
                yield Episode(
                    id=f"demo/{name}/{number}",
                    group=group,
                    stream=f"demo/{group}/{number}",
                    task={"scenario": name},
                    expected=(lookup, *scenario["expected"]["calls"]),
                    attack=attack,
                    texts=(attack["injection"],) if attack else (),
                    twin_id=twin and f"demo/{twin}/{number}",
                    suite="demo",
                )

    def environment(self) -> DemoEnvironment:
        """A world of its own."""
        return DemoEnvironment()
