"""Options of a run of rollouts, and of the episodes that go by a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from typing_extensions import TypedDict

from cb_datasets.engines.journal.options import JournalOptions
from cb_datasets.engines.protocol import TokenOptions
from cb_datasets.options import Option


def _names(given: Any) -> Any:
    """A list of names, which on a command line stand between commas."""
    return [name for name in given.split(",") if name] if isinstance(given, str) else given


class EpisodeBounds(TypedDict, total=False):
    """How episodes are played."""

    max_turns: Annotated[int, Option(15, "Decisions that an episode may have.", ge=1)]
    trajectories: Annotated[
        int,
        Option(
            64,
            "Episodes under way at once; four for each place in the engine keep it busy.",
            ge=1,
            decides_rows=False,
        ),
    ]
    call_timeout: Annotated[
        float,
        Option(30.0, "Seconds that a call of a tool may take before its episode ends.", gt=0),
    ]


class RolloutOptions(TokenOptions, JournalOptions, EpisodeBounds, total=False):
    """How to sample."""

    seed: Annotated[
        int,
        Option(
            0,
            "With user task, rollout and turn it decides the sample. Attacked and benign episodes "
            "of a task are one until the injection shows, and are sampled once until then.",
        ),
    ]


class DemoOptions(TypedDict, total=False):
    """Which episodes: of the demo environment."""

    rollouts: Annotated[int, Option(1, "How often each episode is played.", ge=1)]


class AgentDojoOptions(DemoOptions, total=False):
    """Which episodes: of AgentDojo's suites."""

    suite: Annotated[
        Any, Option(None, "Names of suites, or from Python `TaskSuite`s.", check=_names)
    ]
    attacks: Annotated[
        Sequence[str],
        Option(
            ("important_instructions",),
            "Names of AgentDojo's attacks; none plays the twins alone.",
            check=_names,
        ),
    ]
    user_tasks: Annotated[
        Sequence[str] | None,
        Option(None, "Ids of user tasks; all unless given.", check=_names),
    ]
    injection_tasks: Annotated[
        Sequence[str] | None,
        Option(None, "Ids of injection tasks; all unless given.", check=_names),
    ]
    model_name: Annotated[
        str, Option("the AI language model", "What AgentDojo's attacks call the model.")
    ]
    version: Annotated[str, Option("v1.2.2", "AgentDojo's benchmark version.")]
