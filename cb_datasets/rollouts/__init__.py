"""Live rollouts: an engine plays episodes in tool environments, and every decision is kept.

In: an engine and episodes. Out: a folder of trajectories, which `load_source("rollouts", folder)`
reads; prompts and completions are kept by their ids, and the world says what each call did.
"""

from cb_datasets.rollouts.episode import Episode, EpisodeSource
from cb_datasets.rollouts.run import RolloutReport, rollout

__all__ = ["Episode", "EpisodeSource", "RolloutReport", "rollout"]
