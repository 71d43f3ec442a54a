"""Which token belongs to which turn, read off the token ids.

Untrusted text cannot forge a control token, so the turns of a prompt are what its control tokens
mark. Nothing is tokenized again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NO_TURNS = (
    "the prompt's turns are not one a message: it is of other messages, or of another template"
)
"""Why nothing can be said of the turns of a prompt."""


@dataclass(frozen=True, slots=True)
class TurnSpan:
    """A turn: its header is the tokens `[start, body)`, what is said in it, with its end token,
    `[body, end)`.

    Attributes:
        role: The role in the header, as the format calls it.
        start: The header's first token.
        body: The first token behind the header.
        end: The token behind the turn's last.
        message: Number of the message, from 0; None for a turn that no message stands behind (the
            system turn that the template adds, and the open turn at the end of a prompt).
    """

    role: str
    start: int
    body: int
    end: int
    message: int | None = None


class Turns(Protocol):
    """How a format marks turns: by a header before each (`headers`), or around it (`brackets`)."""

    @property
    def wrapped(self) -> re.Pattern[bytes] | None:
        """What a template writes around a tool's result in its turn; group 1 is the result."""

    def turns(
        self, token_ids: Sequence[int], tokenizer: PreTrainedTokenizerBase
    ) -> tuple[TurnSpan, ...]:
        """The turns of a sequence of token ids, in order; begin-of-text is part of none.

        Returns:
            The turns; none where the tokenizer has not the tokens, being one of another format.
        """

    def with_messages(
        self, turns: tuple[TurnSpan, ...], roles: Sequence[str]
    ) -> tuple[TurnSpan, ...]:
        """Turns with the number of the message that each is.

        Args:
            turns: The turns of a prompt.
            roles: The roles of its messages.

        Returns:
            The turns, or nothing where they are not one a message, as with control tokens let
            through or a template of another format.
        """

    def await_completion(
        self,
        token_ids: Sequence[int],
        turns: tuple[TurnSpan, ...],
        tokenizer: PreTrainedTokenizerBase,
    ) -> bool:
        """Whether a prompt ends where the assistant's turn begins, behind an opening at most."""

    def message_turns(
        self,
        token_ids: Sequence[int],
        messages: Sequence[Mapping[str, Any]],
        tokenizer: PreTrainedTokenizerBase,
    ) -> tuple[TurnSpan, ...]:
        """The turns of a prompt, one a message, also where messages forge marks and were let to.

        Args:
            token_ids: The prompt.
            messages: Its messages.
            tokenizer: The tokenizer of the ids.

        Returns:
            The turns, or nothing where they are not one a message all the same.
        """
