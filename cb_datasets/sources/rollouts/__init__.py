"""Trajectories of live rollouts, read as a source."""
