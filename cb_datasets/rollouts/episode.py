"""What is played: a user's task in an environment, with an attack on it or without."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from cb_datasets.environments import Environment
from cb_datasets.records import Attack, CallPattern


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode to be played.

    Attributes:
        id: Unique in its run.
        group: The benign user task, the key that a split keeps together.
        stream: What its samples are drawn by, beside the turn. It does not name the attack: an
            attacked episode and its twin are one until the injection shows.
        task: What the environment is reset with.
        expected: The calls that solve the user's task, where they are known.
        attack: The attack; its `injection` is the text as the attacker wrote it.
        texts: The attacker's text at each place that it stands in.
        twin_id: The episode of the same task without an attack.
        suite: The suite that it is of, where there are such.
    """

    id: str
    group: str
    stream: str
    task: dict[str, Any]
    expected: tuple[CallPattern, ...] = ()
    attack: Attack | None = None
    texts: tuple[str, ...] = field(default=())
    twin_id: str | None = None
    suite: str | None = None


class EpisodeSource(Protocol):
    """Where episodes come from, and the worlds they are played in."""

    name: str

    def episodes(self) -> Iterable[Episode]:
        """The episodes, always the same in the same order."""

    def environment(self) -> Environment:
        """A world of its own for one running episode."""
