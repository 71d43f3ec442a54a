"""Turns that stand between two tokens; what stands between none is the assistant's.

In: token ids. Out: the turns, and which message each is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import FormatError
from cb_datasets.formats.encode import control_id, there
from cb_datasets.formats.turns import TurnSpan

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TOOLS = "tools"
"""The role of a turn that holds the tools on offer, which is no message."""


@dataclass(frozen=True, slots=True)
class Brackets:
    """How a format marks turns by what stands around them.

    Attributes:
        begin: The token that begins a prompt.
        end: The token that ends what the assistant says.
        around: Role, and the two tokens around its turns; a tokenizer need not have those of
            `system`, whose message then stands in a turn of the user's.
        wrapped: What the template writes around a tool's result in its turn; group 1 is the result.
    """

    begin: str
    end: str
    around: tuple[tuple[str, str, str], ...]
    wrapped: re.Pattern[bytes] | None = None

    def turns(
        self, token_ids: Sequence[int], tokenizer: PreTrainedTokenizerBase
    ) -> tuple[TurnSpan, ...]:
        """The turns, as `Turns` says."""
        marks = _marks(self, tokenizer)
        return () if marks is None else tuple(_turns(list(token_ids), marks))

    def with_messages(
        self, turns: tuple[TurnSpan, ...], roles: Sequence[str]
    ) -> tuple[TurnSpan, ...]:
        """Turns with the number of the message that each is, as `Turns` says.

        A system message without a turn of its own is none of them.
        """
        expected = ["tool" if role == "ipython" else role for role in roles]
        told = [turn.role for turn in turns if turn.role != TOOLS]
        first = int(expected[:1] == ["system"] and told[:1] != ["system"])
        if told != [*expected[first:], "assistant"]:
            return ()
        numbers = iter([*range(first, len(roles)), None])
        return tuple(
            turn if turn.role == TOOLS else replace(turn, message=next(numbers)) for turn in turns
        )

    def await_completion(
        self,
        token_ids: Sequence[int],
        turns: tuple[TurnSpan, ...],
        tokenizer: PreTrainedTokenizerBase,
    ) -> bool:
        """Whether nothing has been said yet in the last turn, and it is the assistant's."""
        return bool(turns) and turns[-1].role == "assistant" and turns[-1].body == len(token_ids)

    def message_turns(
        self,
        token_ids: Sequence[int],
        messages: Sequence[Mapping[str, Any]],
        tokenizer: PreTrainedTokenizerBase,
    ) -> tuple[TurnSpan, ...]:
        """The turns of a prompt, one a message; none where a message forges one."""
        roles = [str(message.get("role")) for message in messages]
        return self.with_messages(self.turns(token_ids, tokenizer), roles)


@dataclass(frozen=True, slots=True)
class _Marks:
    begin: int
    end: int
    around: dict[int, tuple[str, int]]


@lru_cache(maxsize=8)
def _marks(brackets: Brackets, tokenizer: Any) -> _Marks | None:
    """The marks as token ids; None where one is missing that every model has."""
    around = {}
    try:
        begin, end = control_id(brackets.begin, tokenizer), control_id(brackets.end, tokenizer)
        for role, opening, closing in brackets.around:
            if role != "system" or there(tokenizer, (opening,)):
                around[control_id(opening, tokenizer)] = role, control_id(closing, tokenizer)
    except FormatError:
        return None
    return _Marks(begin, end, around)


def _turns(ids: list[int], marks: _Marks) -> Iterator[TurnSpan]:
    at, role = 0, TOOLS
    while at < len(ids):
        start = at
        if ids[at] == marks.begin:
            at += 1
        elif ids[at] in marks.around:
            role, closing = marks.around[ids[at]]
            at = _behind(ids, at, closing)
            yield TurnSpan(role, start, start + 1, at)
        else:
            role = "assistant"
            while at < len(ids) and ids[at] != marks.end and ids[at] not in marks.around:
                at += 1
            at = min(at + (ids[at : at + 1] == [marks.end]), len(ids))
            yield TurnSpan(role, start, start, at)
    # A turn that is to come.
    if role in ("user", "tool"):
        yield TurnSpan("assistant", at, at, at)


def _behind(ids: list[int], at: int, closing: int) -> int:
    """The position behind the token that closes a turn, or the end."""
    try:
        return ids.index(closing, at) + 1
    except ValueError:
        return len(ids)
