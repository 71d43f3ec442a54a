"""Scripts as policies, behind an engine that has slots, keeps what it was asked, and may fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cb_datasets.engines import Generation, GenerationRequest, SamplingParams, load_tokenizer
from cb_datasets.formats import render_completion
from cb_datasets.rollouts.policies import PolicyEngine, StepByStep

ASSISTANT = "<|start_header_id|>assistant"


class ScriptedEngine(PolicyEngine):
    """Gives the n-th line of a script at the n-th decision.

    Args:
        script: The prompt's text and the number of the decision to a completion's text; or a
            policy, which reads the request.
        slots: So many requests are under way at once.
        stop_after: Fail after so many samples, as a machine does.
    """

    name = "scripted"

    def __init__(
        self,
        script: Callable[[str, int], str] | StepByStep,
        *,
        slots: int = 8,
        stop_after: int | None = None,
    ) -> None:
        policy = script if isinstance(script, StepByStep) else self._said
        super().__init__("script", policy, load_tokenizer(None))
        self._script: Any = script
        self._slots = slots
        self._stop_after = stop_after
        self.made: list[GenerationRequest] = []

    def generate(
        self, requests: Iterable[GenerationRequest | None], sampling: SamplingParams
    ) -> Iterator[Generation]:
        stream, running = iter(requests), list[GenerationRequest]()
        while True:
            while len(running) < self._slots and (request := next(stream, None)) is not None:
                running.append(request)
            if not running:
                return
            # The last one first: the order in which samples finish must not matter.
            request = running.pop()
            if len(self.made) == self._stop_after:
                raise RuntimeError("the machine has gone")
            self.made.append(request)
            yield self.generation(request)

    def _said(self, request: GenerationRequest) -> str:
        prompt: Any = self.tokenizer.decode(list(request.prompt_token_ids))
        return self._script(prompt, prompt.count(ASSISTANT) - 1)


def call(name: str, **arguments: Any) -> str:
    return calls((name, arguments))


def calls(*made: tuple[str, dict[str, Any]]) -> str:
    found = [{"name": name, "arguments": arguments} for name, arguments in made]
    return render_completion("", found, end="eom_id")


def says(text: str) -> str:
    return f"{text}<|eot_id|>"
