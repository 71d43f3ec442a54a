"""Turns that begin with a header: a token, the role, a token or the line's end.

In: token ids. Out: the turns, and which message each is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, pairwise, takewhile
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import FormatError
from cb_datasets.formats.encode import completion_text, control_id, plain_token_ids
from cb_datasets.formats.turns import TurnSpan

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_BEGINNING = 32
"""Tokens in which the beginning of a body is told."""


@dataclass(frozen=True, slots=True)
class Headers:
    """How a format writes the header of a turn: a token, the role, a token, white space.

    Attributes:
        start: The token that begins a header.
        end: The token that ends it; None where the line does.
        line: What stands between it and what is said.
        roles: The roles, as they are written.
        result: The roles of which the turn of a tool's result has one.
        close: The token that ends a turn, where something stands between it and the next header.
        openings: What the template may write behind the header of the turn that is to come.
        wrapped: What the template writes around a tool's result in its turn; group 1 is the result.
        system: The role of a system message.
        own: The roles of turns that the template may write before all messages.
        goes_on: Behind a body that begins so, the assistant's turn goes on under a header more.
    """

    start: str
    end: str | None
    line: str
    roles: tuple[str, ...]
    result: tuple[str, ...]
    close: str | None = None
    openings: tuple[str, ...] = ()
    wrapped: re.Pattern[bytes] | None = None
    system: str = "system"
    own: tuple[str, ...] = ("system",)
    goes_on: tuple[str, ...] = ()

    def turns(
        self, token_ids: Sequence[int], tokenizer: PreTrainedTokenizerBase
    ) -> tuple[TurnSpan, ...]:
        """The turns, as `Turns` says.

        Example:
            >>> from cb_datasets.models.tokenizer import load_tokenizer
            >>> from cb_datasets.formats import find_format, render_prompt
            >>> prompt = render_prompt([{"role": "user", "content": "Hi"}])
            >>> turns = find_format("llama31").headers.turns(prompt.token_ids, load_tokenizer())
            >>> [turn.role for turn in turns]
            ['system', 'user', 'assistant']
        """
        ids = list(token_ids)
        written = _written(self, tokenizer)
        if written is None:
            return ()
        starts = _positions(ids, written.start)
        turns = []
        for start, end in pairwise([*starts, len(ids)]):
            role, body = self._role(ids, start, end, written, tokenizer)
            # The header ends in white space, of one token or two.
            if tuple(ids[body : body + len(written.line)]) == written.line:
                body += len(written.line)
            body = min(body, end)
            if written.close is not None and written.close in ids[body:end]:
                end = ids.index(written.close, body, end) + 1
            turns.append(TurnSpan(role, start, body, end))
        return self._joined(turns, ids, tokenizer) if self.goes_on else tuple(turns)

    def _joined(
        self, turns: list[TurnSpan], ids: list[int], tokenizer: PreTrainedTokenizerBase
    ) -> tuple[TurnSpan, ...]:
        """Turns, those of the assistant that go on under another header as one."""
        joined: list[TurnSpan] = []
        is_open = False
        for turn in turns:
            if is_open and turn.role == "assistant":
                joined[-1] = replace(joined[-1], end=turn.end)
            else:
                joined.append(turn)
            begins = completion_text(ids[turn.body : turn.end][:_BEGINNING], tokenizer)
            is_open = turn.role == "assistant" and begins.startswith(self.goes_on)
        return tuple(joined)

    def _role(
        self,
        ids: list[int],
        start: int,
        end: int,
        written: _Written,
        tokenizer: PreTrainedTokenizerBase,
    ) -> tuple[str, int]:
        """The role in a header, and the position behind what tells it."""
        if written.end is None:
            for name, role in written.roles.items():
                if tuple(ids[start + 1 : start + 1 + len(name)]) == name:
                    return role, start + 1 + len(name)
            return str(tokenizer.decode(ids[start + 1 : start + 2])), start + 1
        try:
            close = ids.index(written.end, start, end)
        except ValueError:
            close = end - 1
        name = tuple(ids[start + 1 : close])
        return written.roles.get(name) or str(tokenizer.decode(list(name))), close + 1

    def with_messages(
        self, turns: tuple[TurnSpan, ...], roles: Sequence[str]
    ) -> tuple[TurnSpan, ...]:
        """Turns with the number of the message that each is, as `Turns` says."""
        first, opening = self._own_turns(turns, roles), int(list(roles[:1]) == ["system"])
        said = [self._roles_of(role) for role in roles]
        # With tools, Llama's template writes the first message into the user's turn, whose it is.
        first_said = slice(opening, opening + 1)
        said[first_said] = [(*allowed, "user") for allowed in said[first_said]]
        expected = [*[self.own] * first, *said, ("assistant",)]
        if len(turns) != len(expected) or any(
            turn.role not in allowed for turn, allowed in zip(turns, expected, strict=True)
        ):
            return ()
        last = len(turns) - 1
        return tuple(
            turn if number < first or number == last else replace(turn, message=number - first)
            for number, turn in enumerate(turns)
        )

    def _own_turns(self, turns: tuple[TurnSpan, ...], roles: Sequence[str]) -> int:
        """How many turns the template wrote before those of the messages."""
        told = self.system if list(roles[:1]) == ["system"] else None
        mine = (turn.role in self.own and turn.role != told for turn in turns[: len(self.own)])
        return sum(takewhile(bool, mine))

    def _roles_of(self, role: str) -> tuple[str, ...]:
        """The roles of which the turn of a message has one."""
        if role in ("tool", "ipython"):
            return self.result
        return (self.system if role == "system" else role,)

    def await_completion(
        self,
        token_ids: Sequence[int],
        turns: tuple[TurnSpan, ...],
        tokenizer: PreTrainedTokenizerBase,
    ) -> bool:
        """Whether a prompt ends with the header of the assistant's turn, and an opening at most."""
        if not turns or turns[-1].role != "assistant":
            return False
        text = completion_text(token_ids[turns[-1].body :], tokenizer)
        return not text or text in self.openings

    def message_turns(
        self,
        token_ids: Sequence[int],
        messages: Sequence[Mapping[str, Any]],
        tokenizer: PreTrainedTokenizerBase,
    ) -> tuple[TurnSpan, ...]:
        """The turns of a prompt, one a message, as `Turns` says.

        A header that stands in a message's own text begins no turn of the prompt: what follows it
        is still that message.
        """
        turns, roles = self.turns(token_ids, tokenizer), [str(m.get("role")) for m in messages]
        if told := self.with_messages(turns, roles):
            return told
        forged = [json.dumps(item, ensure_ascii=False).count(self.start) for item in messages]
        sizes = [*[1] * self._own_turns(turns, roles), *(1 + count for count in forged), 1]
        if sum(sizes) != len(turns):
            return ()
        firsts = accumulate(sizes[:-1], initial=0)
        joined = (
            replace(turns[first], end=turns[first + size - 1].end)
            for first, size in zip(firsts, sizes, strict=True)
        )
        return self.with_messages(tuple(joined), roles)


@dataclass(frozen=True, slots=True)
class _Written:
    start: int
    end: int | None
    close: int | None
    line: tuple[int, ...]
    roles: dict[tuple[int, ...], str]


@lru_cache(maxsize=8)
def _written(headers: Headers, tokenizer: Any) -> _Written | None:
    """The parts of headers as token ids."""
    try:
        start, end, close = (
            None if token is None else control_id(token, tokenizer)
            for token in (headers.start, headers.end, headers.close)
        )
    except FormatError:
        return None
    *roles, line = plain_token_ids([*headers.roles, headers.line], tokenizer)
    names = {tuple(ids): role for role, ids in zip(headers.roles, roles, strict=True)}
    assert start is not None
    return _Written(start, end, close, tuple(line), names)


def _positions(ids: list[int], wanted: int) -> list[int]:
    found, at = [], -1
    for _ in range(ids.count(wanted)):
        at = ids.index(wanted, at + 1)
        found.append(at)
    return found
