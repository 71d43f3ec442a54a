"""The tokens of a row as masks look at them: who said them, which are calls, where the attack is.

In: a row's ids, and what else it holds. Out: stretches of tokens of prompt and completion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from cb_datasets.errors import FormatError
from cb_datasets.formats.canary import format_of
from cb_datasets.formats.injection_spans import injection_spans
from cb_datasets.formats.sequence import thinking_spans, tool_call_spans, tool_name_spans
from cb_datasets.formats.turns import NO_TURNS, TurnSpan
from cb_datasets.schema import json_object

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Stretch: TypeAlias = tuple[int, int]
"""A first token, and the one behind the last."""


class RowTokens:
    """Prompt and completion of a row as one sequence.

    Args:
        row: The row: its `messages`, `tools`, `attack` and `provenance`.
        prompt: The ids of its prompt.
        said: The ids of its completion.
        tokenizer: Their tokenizer; None where nothing is asked that needs it.
        divergence: The first token of the completion that its pair's other one does not share.

    Attributes:
        prompt: The ids of the prompt.
        said: Those of the completion.
        begin: Where the completion begins.
        end: Number of all tokens.
    """

    def __init__(
        self,
        row: Mapping[str, Any],
        prompt: Sequence[int],
        said: Sequence[int],
        tokenizer: PreTrainedTokenizerBase | None,
        divergence: int | None = None,
    ) -> None:
        self._row, self.prompt, self.said = row, prompt, said
        self._given, self._divergence = tokenizer, divergence
        self.begin, self.end = len(prompt), len(prompt) + len(said)

    @property
    def _tokenizer(self) -> PreTrainedTokenizerBase:
        if self._given is None:
            raise FormatError(
                "it is read with the tokenizer of the row's ids; name it (tokenizer=)"
            )
        return self._given

    @cached_property
    def turns(self) -> tuple[TurnSpan, ...]:
        """The turns of the prompt.

        Raises:
            FormatError: They are not one a message.
        """
        messages = list(map(json_object, self._row["messages"]))
        headers = format_of(self._tokenizer).headers
        turns = headers.message_turns(self.prompt, messages, self._tokenizer)
        if not turns:
            raise FormatError(NO_TURNS)
        return turns

    @cached_property
    def names(self) -> list[Stretch]:
        """The names of the completion's calls."""
        return self._in_completion(tool_name_spans(self.said, self._tokenizer, self._row["tools"]))

    @cached_property
    def calls(self) -> list[Stretch]:
        """The completion's calls, with the tag before them."""
        return self._in_completion(tool_call_spans(self.said, self._tokenizer, self._row["tools"]))

    @cached_property
    def thinking(self) -> list[Stretch]:
        """What is thought in the completion."""
        return self._in_completion(thinking_spans(self.said, self._tokenizer))

    @cached_property
    def injected(self) -> list[Stretch]:
        """The injected text; nothing where there is no attack.

        Raises:
            FormatError: It cannot be told where it stands.
        """
        row = {**self._row, "prompt_token_ids": self.prompt}
        found = injection_spans(row, self._tokenizer)
        if found.spans is None:
            raise FormatError(f"it cannot be told where the injection stands: {found.reason}")
        return [(span.start, span.end) for span in found.spans]

    @property
    def parts(self) -> int:
        """The token from which on the completion and its pair's other one differ.

        Raises:
            FormatError: It was not given, or lies outside the completion.
        """
        if self._divergence is None:
            raise FormatError(
                "it needs the index of the first token of the completion that its pair's other "
                "completion does not share (divergence=)"
            )
        if not 0 <= self._divergence <= len(self.said):
            raise FormatError(
                f"divergence must be an index of the completion's {len(self.said)} tokens, not "
                f"{self._divergence}"
            )
        return self.begin + self._divergence

    def _in_completion(self, spans: Sequence[Stretch]) -> list[Stretch]:
        return [(self.begin + start, self.begin + end) for start, end in spans]
