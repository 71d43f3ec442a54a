"""A run of rollouts, from episodes to a folder of trajectories.

In: episodes, worlds and an engine. Out: the folder, and an account that adds up: each episode ends
with exactly one stop, each decision comes from the engine, another episode or the journal.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from typing_extensions import Unpack

from cb_datasets.engines.journal.journal import Journal
from cb_datasets.engines.journal.journaled import SampleMemory, Samples, made_by
from cb_datasets.engines.protocol import Engine, Generation, SamplingParams, TokenOptions
from cb_datasets.engines.specification import engine_facts
from cb_datasets.errors import EpisodeError
from cb_datasets.formats.canary import format_of
from cb_datasets.options import checked, hint_at, part_of, takes
from cb_datasets.rollouts.agentdojo import AgentDojoEpisodes
from cb_datasets.rollouts.demo import DemoEpisodes
from cb_datasets.rollouts.episode import EpisodeSource
from cb_datasets.rollouts.feed import Feed
from cb_datasets.rollouts.folder import TrajectoryFolder
from cb_datasets.rollouts.observations import Observations
from cb_datasets.rollouts.options import AgentDojoOptions, DemoOptions, RolloutOptions
from cb_datasets.rollouts.player import Player
from cb_datasets.rollouts.prompts import PromptRenderer
from cb_datasets.transforms.generate import build_timestamp

SOURCES: dict[str, tuple[Callable[..., EpisodeSource], type[Mapping[str, Any]]]] = {
    "agentdojo": (AgentDojoEpisodes, AgentDojoOptions),
    "demo": (DemoEpisodes, DemoOptions),
}
"""Sources of episodes by name, each with its options."""


@dataclass(slots=True)
class RolloutReport:
    """What became of every episode and decision.

    Attributes:
        episodes: Number of episodes; `stops` adds up to it.
        stops: Episodes by how they ended.
        decisions: Decisions by where they came from: sampled; joined (another episode was waiting
            for the same); kept (sampled before, in this run or an earlier one); failed.
        attacked: Episodes under attack.
        attack_won: Those of them in which the world says that the attack won.
        solved: Episodes whose user's task the world says is done.
        drift: Turns in which a world did something else than when they were first played.
    """

    episodes: int = 0
    stops: Counter[str] = field(default_factory=Counter)
    decisions: Counter[str] = field(default_factory=Counter)
    attacked: int = 0
    attack_won: int = 0
    solved: int = 0
    drift: int = 0

    def count(self, player: Player) -> None:
        """Take note of an episode that has come to its end."""
        self.episodes += 1
        self.stops[str(player.stop)] += 1
        self.attacked += player.episode.attack is not None
        self.attack_won += player.score.attack_won is True
        self.solved += player.score.utility is True

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON data."""
        return {
            **asdict(self),
            "stops": dict(sorted(self.stops.items())),
            "decisions": dict(sorted(self.decisions.items())),
        }


@takes(RolloutOptions)
def rollout(
    source: str | EpisodeSource,
    engine: Engine,
    folder: str | os.PathLike[str],
    *,
    timestamp: str | None = None,
    watch: Callable[[Player], None] | None = None,
    episodes: Mapping[str, Any] | None = None,
    **options: Unpack[RolloutOptions],
) -> RolloutReport:
    """Play episodes, and write their trajectories.

    Args:
        source: "agentdojo", "demo", or an `EpisodeSource` of one's own.
        engine: Plays them.
        folder: Written when all have come to their end; `load_source("rollouts", folder)` reads it.
        timestamp: ISO 8601; None takes the journal's, `SOURCE_DATE_EPOCH` or the UTC day.
        watch: Called with each episode as it ends.
        episodes: Options of a source that goes by a name, such as `{"suite": "banking"}`: see
            `AgentDojoOptions` and `DemoOptions` in `cb_datasets.rollouts.options`.
        **options: See `RolloutOptions`.

    Returns:
        What became of every episode.

    Raises:
        EpisodeError: There is no such source, suite, task, attack or option, or a value is out of
            its range.
        BuildError: The folder cannot be written.

    Example:
        >>> rollout("demo", load_engine("transformers"), "trajectories")  # doctest: +SKIP
    """
    played = episode_source(source, episodes or {})
    given = checked(RolloutOptions, options, EpisodeError)
    seed, max_turns = given["seed"], given["max_turns"]
    url = given["journal"]
    kept: Samples = SampleMemory() if url is None else Journal(url, given["resume"])
    tokens = part_of(TokenOptions, given)
    sampling = SamplingParams(**tokens)
    facts = {
        "environment": played.name,
        "model": engine.model,
        "revision": engine.revision,
        "temperature": sampling.temperature,
    }
    run = {**facts, **asdict(sampling), "seed": seed, "max_turns": max_turns}
    run["trust_remote_code"] = engine_facts(engine)["trust_remote_code"]
    facts["timestamp"] = timestamp or _timestamp(kept, {**run, "made_by": made_by(engine)})
    observations = Observations(kept, played.name)
    known = format_of(engine.tokenizer)
    feed = Feed(
        (
            Player(episode, number, seed=seed, max_turns=max_turns, format=known)
            for number, episode in enumerate(played.episodes())
        ),
        played.environment,
        PromptRenderer(engine.tokenizer),
        engine=engine,
        sampling=sampling,
        samples=kept,
        observations=observations,
        most=given["trajectories"],
        timeout=given["call_timeout"],
    )
    report = RolloutReport()
    with TrajectoryFolder(folder, facts) as written:
        for player in _played(feed, engine, sampling):
            report.count(player)
            written.add(player)
            if watch is not None:
                watch(player)
        kept.flush()
        report.decisions = feed.account
        report.drift = observations.drift
        written.finish(_account(run, facts, report))
    return report


def _played(feed: Feed, engine: Engine, sampling: SamplingParams) -> Iterator[Player]:
    """The episodes as they end."""
    requests = feed.requests()
    for first in requests:
        yield from feed.finished()
        if first is None:
            continue
        for generation in engine.generate(_chained(first, requests), sampling):
            feed.take(generation)
            yield from feed.finished()
    yield from feed.finished()


def _chained(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def episode_source(source: str | EpisodeSource, options: Mapping[str, Any]) -> EpisodeSource:
    """The source that goes by a name, made with its options; one of the user's own as it is.

    Raises:
        EpisodeError: There is none such, or an option is not its own or out of its range.
    """
    if not isinstance(source, str):
        if options:
            raise EpisodeError(f"{', '.join(options)} are for a source that goes by a name")
        return source
    make, concern = find_episodes(source)
    return make(**checked(concern, options, EpisodeError, of=f"the episode source {source!r}"))


def find_episodes(name: str) -> tuple[Callable[..., EpisodeSource], type[Mapping[str, Any]]]:
    """What makes the episodes of that name, and the options that it takes.

    Raises:
        EpisodeError: There are none such.
    """
    if name not in SOURCES:
        raise EpisodeError(f"there is no episode source {name!r}{hint_at(name, SOURCES)}")
    return SOURCES[name]


def _timestamp(kept: Samples, run: dict[str, Any]) -> str:
    """When the run began: kept with it, so that it is the same on the day that it goes on."""
    if os.environ.get("SOURCE_DATE_EPOCH") is not None:
        return build_timestamp()
    name = hashlib.sha256(json.dumps(["begun", run], sort_keys=True).encode()).hexdigest()
    begun = kept.get(name)
    if begun is None:
        begun = Generation("begun", [], build_timestamp(), "stop")
        kept.add(name, begun)
    return begun.text


def _account(run: dict[str, Any], facts: dict[str, Any], report: RolloutReport) -> dict[str, Any]:
    """What is written of a run: nothing that depends on how often it was interrupted."""
    made = report.to_dict()
    for interrupted in ("decisions", "drift"):
        del made[interrupted]
    return {**run, "timestamp": facts["timestamp"], "account": made}
