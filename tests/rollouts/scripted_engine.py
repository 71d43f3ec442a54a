"""An engine that says what a script says: a policy behind the protocol of engines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

from cb_datasets.engines import Generation, GenerationRequest, SamplingParams, load_tokenizer
from cb_datasets.llama31 import render_completion
from cb_datasets.llama31.encode import completion_token_ids

ASSISTANT = "<|start_header_id|>assistant"


class ScriptedEngine:
    """Gives the n-th line of a script at the n-th decision.

    Args:
        script: The prompt's text and the number of the decision to a completion's text.
        slots: So many requests are under way at once.
        stop_after: Fail after so many samples, as a machine does.
    """

    name = "scripted"
    model = "script"
    revision = "1"

    def __init__(
        self, script: Callable[[str, int], str], *, slots: int = 8, stop_after: int | None = None
    ) -> None:
        self._script = script
        self._slots = slots
        self._stop_after = stop_after
        self.made: list[GenerationRequest] = []

    @cached_property
    def tokenizer(self) -> Any:
        return load_tokenizer(None)

    def fingerprint(self) -> str:
        return "scripted"

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
            prompt = self.tokenizer.decode(request.prompt_token_ids)
            text = self._script(prompt, prompt.count(ASSISTANT) - 1)
            ids = completion_token_ids(text, self.tokenizer)
            whole = text.endswith(("<|eot_id|>", "<|eom_id|>"))
            yield Generation(request.key, ids, text, "stop" if whole else "length")

    def close(self) -> None:
        pass


def call(name: str, **arguments: Any) -> str:
    return calls((name, arguments))


def calls(*made: tuple[str, dict[str, Any]]) -> str:
    found = [{"name": name, "arguments": arguments} for name, arguments in made]
    return render_completion("", found, end="eom_id")


def says(text: str) -> str:
    return f"{text}<|eot_id|>"
