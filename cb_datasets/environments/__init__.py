"""Tool environments: worlds that an agent's calls change, and that can say what the calls did.

In: a task. Out: the messages and tools an agent is given, what each call gives back, and a score:
whether the user's task is done and whether the attacker's goal is met. Recorded runs are replayed
in them; nothing here imports AgentDojo, TRL or OpenEnv before one of their environments is made.
"""

from cb_datasets.environments.protocol import Environment, Observation, Score, Start
from cb_datasets.environments.replay import RecordedTurn, Replay, replay_run

__all__ = ["Environment", "Observation", "RecordedTurn", "Replay", "Score", "Start", "replay_run"]
