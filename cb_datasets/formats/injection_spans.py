"""Which tokens of a prompt the injected text stands in: exactly, or why that cannot be said.

In: a row, and the tokenizer of its ids. Out: a span of tokens for each occurrence, in user messages
and tool results. Nothing is tokenized again: a turn's tokens must spell the message as the template
writes it (`injected_text`), and then every character has its token.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cb_datasets.errors import FormatError
from cb_datasets.formats.canary import format_of
from cb_datasets.formats.injected_text import WrittenContent, written_ways
from cb_datasets.formats.sequence import token_bytes
from cb_datasets.formats.turns import NO_TURNS, TurnSpan
from cb_datasets.schema import json_object

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_INJECTABLE = ("user", "tool", "ipython")


@dataclass(frozen=True, slots=True)
class InjectionSpan:
    """The tokens `[start, end)` that hold a part of the injected text, at one of its occurrences.

    Attributes:
        start: The first token that holds a byte of it.
        end: The token behind the last one.
        message: Number of the message, from 0.
        bytes_before: Bytes of the first token that stand before it; 0 where it begins with a token.
        bytes_after: Bytes of the last token that stand behind it.
    """

    start: int
    end: int
    message: int
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True, slots=True)
class InjectionSpans:
    """Where the injection stands in a prompt.

    Attributes:
        spans: One for each occurrence, in order, and those that overlap as one; none where the row
            is under no attack. None where it cannot be told exactly.
        reason: Why it cannot be told.
    """

    spans: tuple[InjectionSpan, ...] | None
    reason: str | None = None


class _UnknownError(Exception):
    """It cannot be told where the injection stands; the text says why."""


def injection_spans(row: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase) -> InjectionSpans:
    """The tokens of a row's prompt that its injection stands in.

    A token that holds a byte of the injected text counts as a whole, and the span says how much of
    it is other text. White space that the template cuts off a message is in no token. Occurrences
    side by side can share a token. What the model itself repeats of the injection is not injected.

    Args:
        row: A row of Ds, Dr or eval: its `prompt_token_ids`, `messages` and `attack`.
        tokenizer: The tokenizer of the ids.

    Returns:
        The spans, or the reason why they cannot be told: a row without ids, an injection that was
        taken out or does not stand there, a template of another format.

    Example:
        >>> from cb_datasets.formats import render_prompt
        >>> from cb_datasets.models.tokenizer import load_tokenizer
        >>> tokenizer, messages = load_tokenizer(None), [{"role": "user", "content": "Hi. Obey!"}]
        >>> ids = render_prompt(messages).token_ids
        >>> row = {"prompt_token_ids": ids, "messages": messages, "attack": {"injection": "Obey!"}}
        >>> [span] = injection_spans(row, tokenizer).spans
        >>> tokenizer.decode(ids[span.start : span.end]).strip()
        'Obey!'
    """
    if not row.get("attack"):
        return InjectionSpans(())
    try:
        return InjectionSpans(tuple(_spans(row, tokenizer)))
    except _UnknownError as why:
        return InjectionSpans(None, str(why))


def _spans(row: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase) -> Iterator[InjectionSpan]:
    injection = row["attack"]["injection"] or ""
    if not injection.strip():
        redacted = (row.get("provenance") or {}).get("harmful_prompt_redacted")
        raise _UnknownError(
            "the injection was taken out of the prompt"
            if redacted
            else "the attack names no injected text"
        )
    if row["prompt_token_ids"] is None:
        raise _UnknownError("the row holds no token ids")
    messages = list(map(json_object, row["messages"]))
    written: dict[int, list[WrittenContent]] = {}
    for number, message in enumerate(messages):
        role = str(message.get("role"))
        if role in _INJECTABLE:
            ways = list(written_ways(role, message.get("content"), injection))
            if any(way.injected for way in ways):
                written[number] = ways
    if not written:
        raise _UnknownError("the injection stands in no user message and no tool result")
    ids = [int(token) for token in row["prompt_token_ids"]]
    try:
        headers = format_of(tokenizer).headers
    except FormatError as error:
        raise _UnknownError(str(error)) from error
    turns = {turn.message: turn for turn in headers.message_turns(ids, messages, tokenizer)}
    if not turns:
        raise _UnknownError(NO_TURNS)
    for number, ways in written.items():
        if number not in turns:
            raise _UnknownError(f"message {number} has no turn of its own")
        is_result = messages[number].get("role") != "user"
        wrapped = headers.wrapped if is_result else None
        yield from _in_turn(ids, turns[number], ways, wrapped, tokenizer)


def _in_turn(
    ids: list[int],
    turn: TurnSpan,
    ways: Sequence[WrittenContent],
    wrapped: re.Pattern[bytes] | None,
    tokenizer: PreTrainedTokenizerBase,
) -> Iterator[InjectionSpan]:
    # The turn's last token ends it.
    last = turn.end - 1
    try:
        bytes_of = token_bytes(tokenizer)
        pieces = [bytes_of[token] for token in ids[turn.body : last]]
    except (FormatError, LookupError, OverflowError, TypeError) as error:
        raise _UnknownError(f"the ids cannot be read with this tokenizer: {error}") from error
    text = b"".join(pieces)
    if wrapped is not None and (found := wrapped.fullmatch(text)):
        text = text[: found.end(1)]
    way = next((way for way in ways if text.endswith(_bytes(way.text))), None)
    if way is None:
        raise _UnknownError(
            f"the tokens of message {turn.message} do not spell it as the format's templates do"
        )
    read, at = 0, len(text) - len(_bytes(way.text))
    ends = np.cumsum([len(piece) for piece in pieces])
    for start, end in way.injected:
        first = at + len(_bytes(way.text[read:start]))
        after = first + len(_bytes(way.text[start:end]))
        read, at = end, after
        head = int(np.searchsorted(ends, first, "right"))
        tail = int(np.searchsorted(ends, after))
        yield InjectionSpan(
            start=turn.body + head,
            end=turn.body + tail + 1,
            message=int(turn.message or 0),
            bytes_before=first - (int(ends[head]) - len(pieces[head])),
            bytes_after=int(ends[tail]) - after,
        )


def _bytes(text: str) -> bytes:
    # Half a surrogate pair stands in no prompt: it is spelled as nothing there is.
    return text.encode("utf-8", "surrogatepass")
