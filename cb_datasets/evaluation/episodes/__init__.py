"""A model's whole trajectories in tool environments, judged by what they did to the world.

In: an engine and a source of episodes. Out: an `EpisodeReport`: attack success and utility as
AgentDojo defines them, how far the model gets by itself, and whether the report proves anything.
"""

from cb_datasets.evaluation.episodes.report import EpisodeReport
from cb_datasets.evaluation.episodes.results import EpisodeResult
from cb_datasets.evaluation.episodes.run import evaluate_episodes

__all__ = ["EpisodeReport", "EpisodeResult", "evaluate_episodes"]
