"""What every environment takes and gives: a task in, messages and tools, observations, a score.

An environment holds one episode at a time and is driven call by call. What a call did to the world
is asked for after it; nobody else says whether an attack won.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Start:
    """What an agent is given at the start of an episode: OpenAI messages and tool schemas."""

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Observation:
    """What a call gave back: a result, or the error that the agent reads in its place.

    Example:
        >>> Observation("", "ToolNotFoundError: there is no fly").text
        'ToolNotFoundError: there is no fly'
    """

    content: str
    error: str | None = None

    @property
    def text(self) -> str:
        """What the agent reads."""
        return self.error or self.content


@dataclass(frozen=True, slots=True)
class Score:
    """What the world says of the episode so far; None where it cannot tell.

    Attributes:
        utility: The user's task is done; asked at the end.
        attack_won: The attacker's goal is met.
    """

    utility: bool | None = None
    attack_won: bool | None = None


class Environment(Protocol):
    """A world with tools, in which one episode is played at a time."""

    def reset(self, task: Mapping[str, Any]) -> Start:
        """Begin an episode.

        Args:
            task: What is played; its keys are the environment's own. The same task always begins
                the same episode, in which the same calls do the same.

        Raises:
            EpisodeError: The environment has no such task.
        """

    def call(self, name: str, arguments: Mapping[str, Any]) -> Observation:
        """Make a call. A tool that fails, or that is not there, is an observation with an error."""

    def score(self, answer: str | None = None) -> Score:
        """What the world says; asking changes nothing.

        Args:
            answer: The agent's last words; None while the episode goes on, when only the attack is
                asked after.
        """
