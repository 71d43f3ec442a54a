"""What worlds did, kept beside the samples: a run that is taken up again sees the same.

In: an episode, a turn and its calls. Out: what they gave back the first time. Calls are made again
all the same, since the world has to be built up anew; where it now says something else, the
recorded one wins, and the difference is counted.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from cb_datasets.engines.journal.journaled import Samples
from cb_datasets.engines.protocol import Generation
from cb_datasets.environments import Observation
from cb_datasets.records import ToolCall
from cb_datasets.rollouts.worker import Failure, Played


class Observations:
    """What the calls of turns did, in the journal of the samples.

    Args:
        journal: Where the run's samples are kept.
        environment: Name of the episodes' source.

    Attributes:
        drift: Turns in which the world said something else than the recorded one.
    """

    def __init__(self, journal: Samples, environment: str) -> None:
        self._journal = journal
        self._environment = environment
        self.drift = 0

    def settled(
        self, episode: str, turn: int, calls: list[ToolCall], done: Played | Failure
    ) -> Played | Failure:
        """What the calls of a turn did, as it counts: the first time that they were made."""
        recorded = self.recorded(episode, turn, calls)
        if recorded is None:
            text = json.dumps(_plain(done))
            name = self._name(episode, turn, calls)
            self._journal.add(name, Generation(f"{episode}/turn{turn}", [], text, "stop"))
            return done
        self.drift += recorded != done
        return recorded

    def recorded(self, episode: str, turn: int, calls: list[ToolCall]) -> Played | Failure | None:
        """What the calls of a turn did when they were first made, if they were."""
        kept = self._journal.get(self._name(episode, turn, calls))
        if kept is None:
            return None
        found: dict[str, Any] = json.loads(kept.text)
        if "stop" in found:
            return Failure(found["stop"], found["detail"])
        return Played([Observation(**seen) for seen in found["observations"]], found["won"])

    def _name(self, episode: str, turn: int, calls: list[ToolCall]) -> str:
        facts = ["observation", self._environment, episode, turn, calls]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _plain(done: Played | Failure) -> dict[str, Any]:
    if isinstance(done, Failure):
        return {"stop": done.stop, "detail": done.detail}
    return {"observations": [asdict(seen) for seen in done.observations], "won": done.won}
