"""Trajectories of rollouts."""

from cb_datasets.sources.rollouts.source import SOURCE

__all__ = ["SOURCE"]
