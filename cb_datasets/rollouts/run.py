"""A run of rollouts, from episodes to a folder of trajectories.

In: episodes, worlds and an engine. Out: the folder, and an account that adds up: each episode ends
with exactly one stop, each decision comes from the engine, another episode or the journal.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from cb_datasets.engines.journal.journal import Journal, Resume
from cb_datasets.engines.journal.journaled import SampleMemory, Samples, made_by
from cb_datasets.engines.protocol import Engine, Generation, SamplingParams
from cb_datasets.errors import EpisodeError
from cb_datasets.rollouts.agentdojo import AgentDojoEpisodes
from cb_datasets.rollouts.demo import DemoEpisodes
from cb_datasets.rollouts.episode import EpisodeSource
from cb_datasets.rollouts.feed import Feed
from cb_datasets.rollouts.folder import TrajectoryFolder
from cb_datasets.rollouts.observations import Observations
from cb_datasets.rollouts.player import Player
from cb_datasets.rollouts.prompts import PromptRenderer
from cb_datasets.transforms.generate import build_timestamp

SOURCES: dict[str, Callable[..., EpisodeSource]] = {
    "agentdojo": AgentDojoEpisodes,
    "demo": DemoEpisodes,
}
"""Sources of episodes by name, each with options of its own."""


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


def rollout(
    source: str | EpisodeSource,
    engine: Engine,
    folder: str | os.PathLike[str],
    *,
    max_turns: int = 15,
    temperature: float = 0.7,
    top_p: float = 1.0,
    max_new_tokens: int = 256,
    seed: int = 0,
    trajectories: int = 64,
    call_timeout: float = 30.0,
    journal: str | os.PathLike[str] | None = None,
    resume: Resume = "auto",
    timestamp: str | None = None,
    watch: Callable[[Player], None] | None = None,
    **options: Any,
) -> RolloutReport:
    """Play episodes, and write their trajectories.

    Args:
        source: "agentdojo", "demo", or an `EpisodeSource` of one's own.
        engine: Plays them.
        folder: Written when all have come to their end; `load_source("rollouts", folder)` reads it.
        max_turns: Decisions that an episode may have.
        temperature: Sampling temperature.
        top_p: Nucleus sampling.
        max_new_tokens: Limit of a completion; one that reaches it ends its episode.
        seed: Decides the samples, together with user task, rollout and turn. Attacked and benign
            episodes of a task are one until the injection shows, and are sampled once until then.
        trajectories: Episodes under way at once; four for each place in the engine keep it busy.
        call_timeout: Seconds that a call of a tool may take before its episode ends.
        journal: A folder or fsspec URL where every sample and observation is kept at once; a later
            run with the same options goes on from it and writes the same bytes.
        resume: See `build_sets`.
        timestamp: ISO 8601; None takes the journal's, `SOURCE_DATE_EPOCH` or the UTC day.
        watch: Called with each episode as it ends.
        **options: Of the source: for "agentdojo" `suite`, `attacks`, `user_tasks`,
            `injection_tasks`, `model_name`, `version` and `rollouts`; for "demo" `rollouts`.

    Returns:
        What became of every episode.

    Raises:
        EpisodeError: There is no such source, suite, task or attack.
        BuildError: The folder cannot be written.

    Example:
        >>> rollout("demo", load_engine("transformers"), "trajectories")  # doctest: +SKIP
    """
    episodes = _source(source, options)
    kept: Samples = SampleMemory() if journal is None else Journal(journal, resume)
    sampling = SamplingParams(temperature, top_p, 0, max_new_tokens)
    facts = {
        "environment": episodes.name,
        "model": engine.model,
        "revision": engine.revision,
        "temperature": temperature,
    }
    run = {**facts, **asdict(sampling), "seed": seed, "max_turns": max_turns}
    facts["timestamp"] = timestamp or _timestamp(kept, {**run, "made_by": made_by(engine)})
    observations = Observations(kept, episodes.name)
    feed = Feed(
        (
            Player(episode, number, seed=seed, max_turns=max_turns)
            for number, episode in enumerate(episodes.episodes())
        ),
        episodes.environment,
        PromptRenderer(engine.tokenizer),
        engine=engine,
        sampling=sampling,
        samples=kept,
        observations=observations,
        most=trajectories,
        timeout=call_timeout,
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


def _source(source: str | EpisodeSource, options: dict[str, Any]) -> EpisodeSource:
    if not isinstance(source, str):
        if options:
            raise EpisodeError(f"{', '.join(options)} are for a source that is named")
        return source
    if source not in SOURCES:
        raise EpisodeError(f"there are no episodes {source!r} (known: {', '.join(SOURCES)})")
    known = inspect.signature(SOURCES[source]).parameters
    if strange := sorted(options.keys() - known.keys()):
        raise EpisodeError(
            f"the episodes {source!r} have no option {strange[0]} (known: {', '.join(known)})"
        )
    return SOURCES[source](**options)


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
