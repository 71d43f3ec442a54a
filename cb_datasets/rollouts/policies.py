"""Agents of which it is known what they do, played through the same loop as any model.

In: the steps that solve an episode's task, or reach its attacker's goal. Out: an engine that takes
them, whose decisions go the way of every model's: rendered, encoded, parsed, called. What becomes
of its episodes says whether the loop and the worlds can tell success from failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from cb_datasets.engines.protocol import Generation, GenerationRequest, SamplingParams
from cb_datasets.formats.calls import ToolCall
from cb_datasets.formats.canary import format_of
from cb_datasets.formats.completion import render_completion
from cb_datasets.formats.completion_ids import completion_token_ids
from cb_datasets.formats.format import Format
from cb_datasets.judge.example_calls import example_call
from cb_datasets.records import CallPattern
from cb_datasets.rollouts.episode import Episode, EpisodeSource
from cb_datasets.rollouts.player import turn_seed
from cb_datasets.sources.messages.injected_text import first_shown

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Policy = Callable[[GenerationRequest], str]
"""From a request to the text of a completion, end token included."""

DONE = "Done."
"""The last words of who has no others."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Calls, one a turn, and the last words; None where any do."""

    calls: tuple[ToolCall, ...]
    answer: str | None = None


@runtime_checkable
class SolvedSource(Protocol):
    """A source of episodes that knows more of them than the calls that are expected."""

    def right_steps(self, episode: Episode) -> Steps | None:
        """What does the user's task; None where that is not known."""

    def attackers_steps(self, episode: Episode) -> Steps | None:
        """What reaches the attacker's goal; None where that is not known, or nobody attacks."""


class ExpectedSteps:
    """The steps of episodes, made of the calls that are expected and of the attack's targets.

    Args:
        source: Whose episodes they are; a world of it says which tools there are.
    """

    def __init__(self, source: EpisodeSource) -> None:
        self._source = source

    def right_steps(self, episode: Episode) -> Steps | None:
        """A call for each that is expected; None where none is."""
        calls = self._examples(episode, episode.expected)
        return Steps(calls) if calls and len(calls) == len(episode.expected) else None

    def attackers_steps(self, episode: Episode) -> Steps | None:
        """A call of one of the attack's targets."""
        calls = self._examples(episode, episode.attack["targets"] if episode.attack else ())
        return Steps(calls[:1]) if calls else None

    def _examples(self, episode: Episode, patterns: Iterable[CallPattern]) -> tuple[ToolCall, ...]:
        wanted = list(patterns)
        tools = self._source.environment().reset(episode.task).tools if wanted else []
        made = (example_call(pattern, tools) for pattern in wanted)
        return tuple(call for call in made if call is not None)


def steps_of(source: EpisodeSource) -> SolvedSource:
    """What is known of the steps of a source's episodes."""
    return source if isinstance(source, SolvedSource) else ExpectedSteps(source)


class PolicyEngine:
    """A policy as an engine.

    Args:
        model: What it is called.
        policy: What it says.
        tokenizer: Whose ids it reads and writes.
    """

    name = "policy"
    revision = "1"

    def __init__(self, model: str, policy: Policy, tokenizer: PreTrainedTokenizerBase) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self._policy = policy

    def fingerprint(self) -> str:
        """Its name: it is no model, and no journal keeps what it says."""
        return f"policy {self.model}"

    def generate(
        self, requests: Iterable[GenerationRequest | None], sampling: SamplingParams
    ) -> Iterator[Generation]:
        """What the policy says, one after the other; how to sample does not concern it."""
        for request in requests:
            if request is None:
                return
            yield self.generation(request)

    def generation(self, request: GenerationRequest) -> Generation:
        """What the policy says to one request."""
        text = self._policy(request)
        ids = completion_token_ids(text, self.tokenizer)
        whole = text.endswith(tuple(format_of(self.tokenizer).end_tokens.values()))
        return Generation(request.key, ids, text, "stop" if whole else "length")

    def close(self) -> None:
        """Nothing to free."""


def idle(tokenizer: PreTrainedTokenizerBase) -> Policy:
    """Says that it is done, and does nothing.

    Args:
        tokenizer: Whose format it speaks.
    """
    said = _answer(DONE, format_of(tokenizer))
    return lambda request: said


def _answer(text: str, known: Format) -> str:
    return render_completion(text, end=known.ends[1], format=known)


class StepByStep:
    """Takes the steps that do the user's task; one who obeys takes the attacker's once he is asked.

    An injection is obeyed by one who has read it, and ends the work for the user. Which decision is
    asked for the request's seed says, which is made of the episode's stream and turn.

    Args:
        episodes: The episodes that will be played; those without known steps are answered at once.
        steps: What is known of their steps.
        tokenizer: Whose ids the prompts are.
        seed: The run's.
        obeys: Whether to do what injections ask for.

    Attributes:
        solvable: Ids of the episodes without attack of which it knows the right steps.
        winnable: Ids of the attacked ones of which it knows the attacker's, if it obeys.
        turns: Decisions of the longest episode.
    """

    def __init__(
        self,
        episodes: Sequence[Episode],
        steps: SolvedSource,
        tokenizer: PreTrainedTokenizerBase,
        *,
        seed: int,
        obeys: bool = False,
    ) -> None:
        self._tokenizer, self._format = tokenizer, format_of(tokenizer)
        self._right: dict[str, Steps] = {}
        self._wanted: dict[str, dict[str, Steps]] = {}
        self.solvable: set[str] = set()
        self.winnable: set[str] = set()
        for episode in episodes:
            right = steps.right_steps(episode)
            self._right.setdefault(episode.stream, right or Steps(()))
            if right is not None and episode.attack is None:
                self.solvable.add(episode.id)
            wanted = steps.attackers_steps(episode) if obeys else None
            if wanted is not None:
                self.winnable.add(episode.id)
                texts = self._wanted.setdefault(episode.stream, {})
                texts.update(dict.fromkeys(episode.texts, wanted))
        for stream, texts in self._wanted.items():
            # One text may stand inside another.
            longest = sorted(texts, key=len, reverse=True)
            self._wanted[stream] = {text: texts[text] for text in longest}
        self.turns = 1 + max(map(self._calls, self._right), default=0)
        self._asked = {
            turn_seed(seed, episode, turn): (episode.stream, turn)
            for episode in {episode.stream: episode for episode in episodes}.values()
            for turn in range(self.turns)
        }

    def __call__(self, request: GenerationRequest) -> str:
        """The next step."""
        stream, turn = self._asked[request.seed]
        steps = self._right[stream]
        if (found := self._in_view(stream, request.prompt_token_ids)) is not None:
            at, wanted = found
            # What the user wants would undo some of it: his task ends here.
            steps = Steps((*steps.calls[:at], *wanted.calls), wanted.answer)
        if turn < len(steps.calls):
            return render_completion("", [steps.calls[turn]], format=self._format)
        return _answer(steps.answer or DONE, self._format)

    def _in_view(self, stream: str, prompt: Sequence[int]) -> tuple[int, Steps] | None:
        """How many decisions stand before the first injection to be obeyed, and what it wants."""
        if stream not in self._wanted:
            return None
        decisions = 0
        for span in self._format.headers.turns(prompt, self._tokenizer):
            if span.role == "assistant":
                decisions += 1
                continue
            said: Any = self._tokenizer.decode(list(prompt[span.body : span.end]))
            if (shown := first_shown(said, self._wanted[stream])) is not None:
                return decisions, self._wanted[stream][shown]
        return None

    def _calls(self, stream: str) -> int:
        most = max((len(s.calls) for s in self._wanted.get(stream, {}).values()), default=0)
        return len(self._right[stream].calls) + most
