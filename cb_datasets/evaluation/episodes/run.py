"""One evaluation of episodes from beginning to end: played, counted, controlled."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from cb_datasets.engines.protocol import Engine, SamplingParams, TokenOptions
from cb_datasets.engines.specification import engine_facts
from cb_datasets.environments import Environment
from cb_datasets.errors import EvalError
from cb_datasets.evaluation.controls import Control
from cb_datasets.evaluation.episodes.controls import (
    GROUND_TRUTH,
    OBEYS,
    model_controls,
    policy_control,
)
from cb_datasets.evaluation.episodes.metrics import episode_metrics
from cb_datasets.evaluation.episodes.report import EpisodeReport
from cb_datasets.evaluation.episodes.results import EpisodeResult, result_of
from cb_datasets.evaluation.metrics import Metric
from cb_datasets.evaluation.options import EpisodeEvalOptions, OutputFloors
from cb_datasets.options import checked, part_of, takes
from cb_datasets.rollouts.episode import Episode, EpisodeSource
from cb_datasets.rollouts.options import EpisodeBounds, RolloutOptions
from cb_datasets.rollouts.player import Player
from cb_datasets.rollouts.policies import Policy, PolicyEngine, StepByStep, idle, steps_of
from cb_datasets.rollouts.run import episode_source, rollout

TRAJECTORIES = "trajectories"
TRAJECTORIES_COMPARED = "trajectories_compared"
IDLE = "policy_idle"


@takes(EpisodeEvalOptions)
def evaluate_episodes(
    engine: Engine,
    source: str | EpisodeSource,
    *,
    compare: Engine | None = None,
    episodes: Mapping[str, Any] | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: Callable[[int], None] | None = None,
    **options: Unpack[EpisodeEvalOptions],
) -> EpisodeReport:
    """Let a model play episodes under attack and without, and see what became of the world.

    Attack success rate, utility under attack and benign utility are those of AgentDojo (Debenedetti
    et al., 2024): the first two over attacked episodes, the third over those without.

    Args:
        engine: The undefended model, whose attack success rate must reach a floor for the report to
            prove anything. To look at a defended model alone, set the floor to 0.
        source: "agentdojo", "demo", or an `EpisodeSource` of one's own.
        compare: A second model, the defended one, put to the same test.
        episodes: Options of a source that goes by a name, such as `{"suite": "banking"}`.
        folder: Where the trajectories are kept, in `trajectories` and, of the second model, in
            `trajectories_compared`; `load_source("rollouts", …)` reads them.
        progress: Called with the number of episodes that have just ended.
        **options: How to sample, and when the report counts as vacuous.

    Returns:
        The report; `.valid` says whether it proves anything.

    Raises:
        EpisodeError: There is no such source, suite, task or attack.
        EvalError: There are no episodes, or an option is out of range.
        BuildError: The folder cannot be written.
        EngineError: A model cannot be loaded, or the journal cannot be used.

    Example:
        >>> report = evaluate_episodes(load_engine("vllm", model), "agentdojo",
        ...     episodes={"suite": "banking"})  # doctest: +SKIP
    """
    chosen = checked(EpisodeEvalOptions, options, EvalError)
    floors, how = part_of(OutputFloors, chosen), part_of(RolloutOptions, chosen)
    found = episode_source(source, episodes or {})
    listed = found if isinstance(found, Listed) else Listed(found)
    reports = []
    with _folders(folder) as (place, passing):
        for one, name in ((engine, TRAJECTORIES), (compare, TRAJECTORIES_COMPARED)):
            if one is not None:
                played = _played(listed, one, place / name, progress, how)
                reports.append(EpisodeReport(engine_facts(one), played))
        controls, policies = _policies(listed, engine, passing, chosen)
    facts = {
        "environment": listed.name,
        "episodes": len(listed.listed),
        "not_injectable": list(getattr(listed.source, "not_injectable", ())),
        "seed": chosen["seed"],
        "sampling": asdict(SamplingParams(**part_of(TokenOptions, chosen))),
        "bounds": part_of(EpisodeBounds, chosen),
        "floors": floors,
    }
    for number, report in enumerate(reports):
        controls += model_controls(
            report.results, floors, model=report.model["model"], undefended=number == 0
        )
    compared = None
    if compare is not None:
        compared = EpisodeReport(reports[1].model, reports[1].results, facts=facts)
    return EpisodeReport(
        model=reports[0].model,
        results=reports[0].results,
        controls=tuple(controls),
        facts=facts,
        policies=policies,
        compared=compared,
    )


class Listed:
    """A source whose episodes are made once, however often they are played.

    Args:
        source: The source.

    Raises:
        EvalError: It has none, or two of one id.
    """

    def __init__(self, source: EpisodeSource) -> None:
        self.source = source
        self.name = source.name
        self.listed = list(source.episodes())
        if not self.listed:
            raise EvalError(f"{self.name} has no episodes of this choice")
        if len({episode.id for episode in self.listed}) < len(self.listed):
            raise EvalError(f"{self.name} has two episodes of one id")

    def episodes(self) -> Sequence[Episode]:
        """All of them."""
        return self.listed

    def environment(self) -> Environment:
        """A world of its own."""
        return self.source.environment()


def _played(
    source: EpisodeSource,
    engine: Engine,
    folder: Path,
    progress: Callable[[int], None] | None,
    options: RolloutOptions,
) -> tuple[EpisodeResult, ...]:
    """The results of all episodes, in their order."""
    found: dict[int, EpisodeResult] = {}

    def watch(player: Player) -> None:
        found[player.number] = result_of(player)
        if progress is not None:
            progress(1)

    rollout(source, engine, folder, watch=watch, **options)
    return tuple(found[number] for number in sorted(found))


def _policies(
    source: Listed, engine: Engine, folder: Path, options: EpisodeEvalOptions
) -> tuple[list[Control], dict[str, dict[str, Metric]]]:
    """Policies through the same loop and worlds: what came of them, and what is wrong with it.

    Of one that does nothing nothing is demanded: what it gets, a model gets for nothing.
    """
    steps, seed = steps_of(source.source), options["seed"]
    controls, policies = [], {}

    def play(name: str, policy: Policy, turns: int) -> tuple[EpisodeResult, ...]:
        # A journal keeps a model's samples, and a model's bounds are not those of known steps.
        how: RolloutOptions = {
            "seed": seed,
            "max_turns": turns,
            "trajectories": options["trajectories"],
            "call_timeout": options["call_timeout"],
        }
        played_by = PolicyEngine(name, policy, engine.tokenizer)
        return _played(source, played_by, folder / name, None, how)

    for control in (GROUND_TRUTH, OBEYS):
        policy = StepByStep(
            source.listed, steps, engine.tokenizer, seed=seed, obeys=control is OBEYS
        )
        known = policy.winnable if control is OBEYS else policy.solvable
        results: tuple[EpisodeResult, ...] = ()
        if known:
            results = play(control.name, policy, policy.turns)
            policies[control.name] = episode_metrics(results)
        controls.append(policy_control(control, results, known))
    policies[IDLE] = episode_metrics(play(IDLE, idle(engine.tokenizer), 1))
    return controls, policies


@contextmanager
def _folders(kept: str | os.PathLike[str] | None) -> Iterator[tuple[Path, Path]]:
    """Where trajectories go that are kept, and where others do."""
    with tempfile.TemporaryDirectory() as passing:
        yield Path(passing) if kept is None else Path(kept), Path(passing)
