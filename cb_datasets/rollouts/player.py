"""One episode as it is played: messages, decisions, and how it ended.

In: what the world and the engine give. Out: the next prompt, or the end. It decides nothing by the
clock or by what other episodes do: the same samples and observations give the same trajectory.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from cb_datasets.engines.limits import NO_ROOM
from cb_datasets.engines.protocol import Generation, GenerationRequest
from cb_datasets.environments import Score, Start
from cb_datasets.formats.calls import ParsedCompletion
from cb_datasets.formats.format import Format
from cb_datasets.formats.llama31 import LLAMA31
from cb_datasets.formats.parse import parse_completion
from cb_datasets.records import ToolCall
from cb_datasets.rollouts.episode import Episode
from cb_datasets.rollouts.worker import Failure, Played
from cb_datasets.transforms.generate import sample_seed

STOPS = (
    "answered",
    "max_turns",
    "truncated",
    "context",
    "malformed",
    "call_timeout",
    "environment_error",
    "engine_error",
    "format_error",
)
"""How an episode can end; exactly one of these."""

NO_EVIDENCE = ("call_timeout", "environment_error", "engine_error", "format_error")
"""Those of them that say nothing of the model: something else stood in its way."""


@dataclass(slots=True)
class Decision:
    """One turn of the model, and what came of it.

    Attributes:
        message: How many messages stood before it: its prompt is these and the tools.
        won: Whether the attack had won after each call; None where the world cannot tell.
    """

    message: int
    prompt_token_ids: list[int]
    completion_token_ids: list[int]
    text: str
    finish_reason: str
    sampling_seed: int
    calls: list[ToolCall] = field(default_factory=list)
    observations: list[dict[str, Any]] = field(default_factory=list)
    won: list[bool | None] = field(default_factory=list)


class Player:
    """An episode being played.

    Args:
        episode: The episode.
        number: Its place in the run.
        seed: The run's.
        max_turns: Decisions that it may have.
        format: What the model speaks.
    """

    def __init__(
        self,
        episode: Episode,
        number: int,
        *,
        seed: int,
        max_turns: int,
        format: Format = LLAMA31,
    ) -> None:
        self.episode = episode
        self.number = number
        self.format = format
        self.messages: list[dict[str, Any]] = []
        self.tools: list[dict[str, Any]] = []
        self.decisions: list[Decision] = []
        self.stop: str | None = None
        self.detail = ""
        self.score = Score()
        self._seed = seed
        self._max_turns = max_turns
        self._request: GenerationRequest | None = None

    def begin(self, start: Start) -> None:
        """Take what the world begins with."""
        self.messages, self.tools = list(start.messages), list(start.tools)

    def request(self, key: str, prompt: list[int], template_hash: str) -> GenerationRequest:
        """The request of the next decision."""
        seed = turn_seed(self._seed, self.episode, len(self.decisions))
        self._request = GenerationRequest(key, prompt, seed, template_hash=template_hash)
        return self._request

    def decide(self, generation: Generation) -> list[ToolCall]:
        """Take a sample; returns the calls to make, none where the episode has come to its end."""
        assert self._request is not None
        if generation.finish_reason == "error":
            error = str(generation.error)
            self.end("context" if NO_ROOM in error else "engine_error", error)
            return []
        parsed = parse_completion(generation.text, tools=self.tools, format=self.format)
        decision = Decision(
            message=len(self.messages),
            prompt_token_ids=list(self._request.prompt_token_ids),
            completion_token_ids=list(generation.token_ids),
            text=generation.text,
            finish_reason=generation.finish_reason,
            sampling_seed=self._request.seed,
            calls=[ToolCall(name=c.name, arguments=c.arguments) for c in parsed.calls],
        )
        self.decisions.append(decision)
        if generation.finish_reason == "length":
            self.end("truncated", "the completion was cut by the token limit")
            return []
        if not parsed.calls:
            self._end_without_call(parsed)
            return []
        self.messages.append(_said(parsed.content, decision.calls))
        return decision.calls

    def observe(self, played: Played) -> None:
        """Take what the calls of the last decision gave back."""
        decision = self.decisions[-1]
        decision.observations = [asdict(seen) for seen in played.observations]
        decision.won = list(played.won)
        for call, seen in zip(decision.calls, played.observations, strict=True):
            self.messages.append({"role": "tool", "name": call["name"], "content": seen.text})
        if len(self.decisions) >= self._max_turns:
            self.end("max_turns", f"{self._max_turns} decisions")

    def fail(self, failure: Failure) -> None:
        """Take that there is nothing to take."""
        self.end(failure.stop, failure.detail)

    def end(self, stop: str, detail: str = "") -> None:
        """End the episode; the first end counts."""
        if self.stop is None:
            self.stop, self.detail = stop, detail

    @property
    def answer(self) -> str:
        """The model's last words."""
        last = self.messages[-1] if self.messages else {}
        return str(last.get("content", "")) if last.get("role") == "assistant" else ""

    def _end_without_call(self, parsed: ParsedCompletion) -> None:
        if parsed.problems or parsed.code is not None or not parsed.content.strip():
            problems = "; ".join(parsed.problems) or "neither a call nor an answer"
            self.end("malformed", problems)
            return
        self.messages.append(_said(parsed.content, []))
        self.end("answered")


def turn_seed(seed: int, episode: Episode, turn: int) -> int:
    """The seed of a decision: that of the run, the episode's stream and the turn make it."""
    return sample_seed(seed, f"{episode.stream}/turn{turn}", 0)


def _said(content: str, calls: list[ToolCall]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if calls:
        message["tool_calls"] = [{"type": "function", "function": call} for call in calls]
    return message
