"""Which token belongs to which turn, read off the token ids.

Untrusted text cannot forge a control token, so the turns of a prompt are what stands between its
header tokens. Nothing is tokenized again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import FormatError
from cb_datasets.formats.encode import control_id, plain_token_ids
from cb_datasets.formats.llama31.tokens import END_HEADER, START_HEADER

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NO_TURNS = (
    "the prompt's turns are not one a message: it is of other messages, or of another template"
)
"""Why nothing can be said of the turns of a prompt."""

_ROLES = ("system", "user", "assistant", "ipython")


@dataclass(frozen=True, slots=True)
class TurnSpan:
    """A turn: its header is the tokens `[start, body)`, what is said in it, with its end token,
    `[body, end)`.

    Attributes:
        role: The role in the header: system, user, assistant or ipython.
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


def turn_spans(
    token_ids: Sequence[int], tokenizer: PreTrainedTokenizerBase
) -> tuple[TurnSpan, ...]:
    """The turns of a sequence of token ids, in order; begin-of-text is part of none.

    Returns:
        The turns; none where the tokenizer has no header tokens, being one of another format.

    Example:
        >>> from cb_datasets.models.tokenizer import load_tokenizer
        >>> from cb_datasets.formats import render_prompt
        >>> prompt = render_prompt([{"role": "user", "content": "Hi"}])
        >>> [turn.role for turn in turn_spans(prompt.token_ids, load_tokenizer(None))]
        ['system', 'user', 'assistant']
    """
    ids = list(token_ids)
    headers = _headers(tokenizer)
    if headers is None:
        return ()
    starts = _positions(ids, headers.start)
    turns = []
    for start, end in pairwise([*starts, len(ids)]):
        try:
            close = ids.index(headers.end, start, end)
        except ValueError:
            close = end - 1
        name = tuple(ids[start + 1 : close])
        role = headers.roles.get(name) or str(tokenizer.decode(list(name)))
        body = close + 1
        # The header ends in an empty line, of one token or two.
        if tuple(ids[body : body + len(headers.line)]) == headers.line:
            body += len(headers.line)
        turns.append(TurnSpan(role, start, min(body, end), end))
    return tuple(turns)


def with_messages(turns: tuple[TurnSpan, ...], roles: Sequence[str]) -> tuple[TurnSpan, ...]:
    """Turns with the number of the message that each is.

    Args:
        turns: The turns of a prompt.
        roles: The roles of its messages.

    Returns:
        The turns, or nothing where they are not one a message, as with control tokens let through
        or a template of another format.
    """
    first = 0 if roles[:1] == ["system"] else 1
    expected = ["system"] * first + ["ipython" if role == "tool" else role for role in roles]
    if [turn.role for turn in turns] != [*expected, "assistant"]:
        return ()
    last = len(turns) - 1
    return tuple(
        turn if number < first or number == last else replace(turn, message=number - first)
        for number, turn in enumerate(turns)
    )


def message_turns(
    token_ids: Sequence[int],
    messages: Sequence[Mapping[str, Any]],
    tokenizer: PreTrainedTokenizerBase,
) -> tuple[TurnSpan, ...]:
    """The turns of a prompt, one a message, also where messages forge headers and were let to.

    A header that stands in a message's own text begins no turn of the prompt: what follows it is
    still that message.

    Args:
        token_ids: The prompt.
        messages: Its messages.
        tokenizer: The tokenizer of the ids.

    Returns:
        The turns, or nothing where they are not one a message all the same.
    """
    turns, roles = turn_spans(token_ids, tokenizer), [str(m.get("role")) for m in messages]
    if told := with_messages(turns, roles):
        return told
    forged = [json.dumps(message, ensure_ascii=False).count(START_HEADER) for message in messages]
    sizes = [*([] if roles[:1] == ["system"] else [1]), *(1 + count for count in forged), 1]
    if sum(sizes) != len(turns):
        return ()
    firsts = accumulate(sizes[:-1], initial=0)
    joined = (
        replace(turns[first], end=turns[first + size - 1].end)
        for first, size in zip(firsts, sizes, strict=True)
    )
    return with_messages(tuple(joined), roles)


@dataclass(frozen=True, slots=True)
class _Headers:
    start: int
    end: int
    line: tuple[int, ...]
    roles: dict[tuple[int, ...], str]


@lru_cache(maxsize=8)
def _headers(tokenizer: Any) -> _Headers | None:
    try:
        start, end = (control_id(token, tokenizer) for token in (START_HEADER, END_HEADER))
    except FormatError:
        return None
    encoded = plain_token_ids([*_ROLES, "\n\n"], tokenizer)
    return _Headers(
        start,
        end,
        tuple(encoded[-1]),
        {tuple(ids): role for role, ids in zip(_ROLES, encoded, strict=False)},
    )


def _positions(ids: list[int], wanted: int) -> list[int]:
    found, at = [], -1
    for _ in range(ids.count(wanted)):
        at = ids.index(wanted, at + 1)
        found.append(at)
    return found
