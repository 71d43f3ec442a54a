"""What worlds did, kept beside the samples: a run that is taken up again sees the same.

In: an episode up to the calls of a turn. Out: what they gave back the first time that the episode
had come to this. Calls are made again all the same, since the world has to be built up anew; where
it now says something else, the recorded one wins, and the difference is counted.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from cb_datasets.engines.journal.journaled import Samples
from cb_datasets.engines.protocol import Generation
from cb_datasets.environments import Observation
from cb_datasets.rollouts.player import Player
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

    def settled(self, player: Player, done: Played | Failure) -> Played | Failure:
        """What the calls of the last turn did, as it counts: the first time that they were made."""
        recorded = self.recorded(player)
        if recorded is None:
            turn = f"{player.episode.id}/turn{len(player.decisions) - 1}"
            kept = Generation(turn, [], json.dumps(_plain(done)), "stop")
            self._journal.add(self._name(player), kept)
            return done
        self.drift += recorded != done
        return recorded

    def recorded(self, player: Player) -> Played | Failure | None:
        """What the calls of the last turn did when they were first made, if they were."""
        kept = self._journal.get(self._name(player))
        if kept is None:
            return None
        found: dict[str, Any] = json.loads(kept.text)
        if "stop" in found:
            return Failure(found["stop"], found["detail"])
        return Played([Observation(**seen) for seen in found["observations"]], found["won"])

    def _name(self, player: Player) -> str:
        # All that was said before: another model may come to the same calls in another world.
        facts = ["observation", self._environment, player.episode.id, player.messages]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _plain(done: Played | Failure) -> dict[str, Any]:
    if isinstance(done, Failure):
        return {"stop": done.stop, "detail": done.detail}
    return {"observations": [asdict(seen) for seen in done.observations], "won": done.won}
