"""A training sequence: prompt and completion as token ids, and what each token is.

In: the ids of a row. Out: the ids together, a mask of those that the model sampled, the turns, and
the tokens at which calls are named: the place where representation rerouting looks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cb_datasets.errors import FormatError
from cb_datasets.formats.call_names import call_spans, name_spans
from cb_datasets.formats.canary import format_of
from cb_datasets.formats.json_names import CharSpan
from cb_datasets.formats.tool_names import Tools
from cb_datasets.formats.turns import TurnSpan

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TokenIds: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int32]]"
TokenMask: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.bool_]]"


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSequence:
    """Prompt and completion of one row, token for token.

    Attributes:
        token_ids: int32 of shape (n,): prompt, prefill, completion.
        assistant_mask: bool of shape (n,): the tokens that the model sampled, end token included;
            neither the prompt nor a prefill.
        prompt_length: Number of tokens of the prompt.
        turns: The turns; the last one holds the completion.
        tool_name_spans: First token of each call's name, and the one behind its last.
    """

    token_ids: TokenIds
    assistant_mask: TokenMask
    prompt_length: int
    turns: tuple[TurnSpan, ...]
    tool_name_spans: tuple[tuple[int, int], ...]

    @property
    def tool_name_span(self) -> tuple[int, int] | None:
        """The tokens of the first call's name; None where nothing is called."""
        return self.tool_name_spans[0] if self.tool_name_spans else None


def training_sequence(
    prompt_token_ids: Sequence[int],
    completion_token_ids: Sequence[int],
    tokenizer: PreTrainedTokenizerBase,
    *,
    prefill_token_ids: Sequence[int] = (),
    tools: Tools | None = None,
) -> TrainingSequence:
    """The training sequence of a row, built from its ids; nothing is tokenized again.

    Args:
        prompt_token_ids: The prompt, begin-of-text to the assistant header.
        completion_token_ids: What the model emitted.
        tokenizer: The tokenizer of the ids.
        prefill_token_ids: What the completion was made to begin with.
        tools: The tools on offer, as for `parse_completion`.

    Raises:
        FormatError: The tokenizer is not byte-level, so that tokens cannot be told in its text.

    Example:
        >>> from cb_datasets.models.tokenizer import load_tokenizer
        >>> from cb_datasets.formats import render_prompt
        >>> tokenizer = load_tokenizer(None)
        >>> prompt = render_prompt([{"role": "user", "content": "Hi"}]).token_ids
        >>> said = '<|python_tag|>{"name": "search_web", "parameters": {}}<|eom_id|>'
        >>> ids = tokenizer(said, add_special_tokens=False)["input_ids"]
        >>> sequence = training_sequence(prompt, ids, tokenizer)
        >>> start, end = sequence.tool_name_span
        >>> tokenizer.decode(sequence.token_ids[start:end])
        'search_web'
    """
    parts = [np.asarray(p, np.int32) for p in (prompt_token_ids, prefill_token_ids)]
    completion = np.asarray(completion_token_ids, np.int32)
    token_ids = np.concatenate([*parts, completion])
    mask = np.zeros(len(token_ids), np.bool_)
    mask[len(token_ids) - len(completion) :] = True
    said = [*map(int, prefill_token_ids), *map(int, completion_token_ids)]
    prompt_length = len(parts[0])
    return TrainingSequence(
        token_ids=token_ids,
        assistant_mask=mask,
        prompt_length=prompt_length,
        turns=format_of(tokenizer).headers.turns(token_ids.tolist(), tokenizer),
        tool_name_spans=tuple(
            (start + prompt_length, end + prompt_length)
            for start, end in tool_name_spans(said, tokenizer, tools)
        ),
    )


def tool_name_spans(
    completion_token_ids: Sequence[int],
    tokenizer: PreTrainedTokenizerBase,
    tools: Tools | None = None,
) -> tuple[tuple[int, int], ...]:
    """The tokens that the names of a completion's calls stand in.

    Returns:
        For each call the first token that holds a part of its name, and the one behind the last.
        A tokenizer may put a quote and the name's beginning into one token; it counts.

    Raises:
        FormatError: The tokenizer is not byte-level.
    """
    find = partial(name_spans, tools=tools, known=format_of(tokenizer))
    return _token_spans(completion_token_ids, tokenizer, find)


def tool_call_spans(
    completion_token_ids: Sequence[int],
    tokenizer: PreTrainedTokenizerBase,
    tools: Tools | None = None,
) -> tuple[tuple[int, int], ...]:
    """The tokens that the calls of a completion stand in, the tag before them among them.

    Returns:
        For each call (or list of calls) the first token that holds a part of it, and the one behind
        the last. The end token is no part.

    Raises:
        FormatError: The tokenizer is not byte-level.
    """
    find = partial(call_spans, tools=tools, known=format_of(tokenizer))
    return _token_spans(completion_token_ids, tokenizer, find)


def thinking_spans(
    completion_token_ids: Sequence[int], tokenizer: PreTrainedTokenizerBase
) -> tuple[tuple[int, int], ...]:
    """The tokens in which a completion thinks before it answers, tags among them.

    Raises:
        FormatError: The tokenizer is not byte-level.
    """
    known = format_of(tokenizer)
    return _token_spans(
        completion_token_ids, tokenizer, lambda text: known.read(text, None).thinking
    )


def _token_spans(
    token_ids: Sequence[int],
    tokenizer: PreTrainedTokenizerBase,
    find: Callable[[str], tuple[CharSpan, ...]],
) -> tuple[tuple[int, int], ...]:
    """The tokens that hold a part of what is found in their text."""
    bytes_of = token_bytes(tokenizer)
    pieces = [bytes_of[token] for token in map(int, token_ids)]
    ends = np.cumsum([len(piece) for piece in pieces])
    # Each byte that is no UTF-8 (half a character, where a model was cut) stays one character.
    text = b"".join(pieces).decode("utf-8", "surrogateescape")
    found = []
    for start, end in find(text):
        first, last = (len(text[:at].encode("utf-8", "surrogateescape")) for at in (start, end))
        found.append(
            (int(np.searchsorted(ends, first, "right")), int(np.searchsorted(ends, last) + 1))
        )
    return tuple(found)


class TokenBytes(dict[int, bytes]):
    """The bytes of each token of a tokenizer, found when they are first asked for.

    Raises:
        FormatError: A token is asked for that is none of a byte-level tokenizer.
    """

    def __init__(self, tokenizer: Any) -> None:
        super().__init__(
            (number, str(token.content).encode())
            for number, token in tokenizer.added_tokens_decoder.items()
        )
        self._name_of = tokenizer.convert_ids_to_tokens

    def __missing__(self, token_id: int) -> bytes:
        token, table = self._name_of(token_id), _byte_characters()
        if not isinstance(token, str) or not all(character in table for character in token):
            raise FormatError(f"token {token_id} is no token of a byte-level tokenizer")
        self[token_id] = bytes(table[character] for character in token)
        return self[token_id]


@lru_cache(maxsize=4)
def token_bytes(tokenizer: Any) -> TokenBytes:
    """The bytes of each token of a tokenizer, special tokens as they are written."""
    return TokenBytes(tokenizer)


@lru_cache(maxsize=1)
def _byte_characters() -> dict[str, int]:
    """The byte that each character of a byte-level token stands for (GPT-2's table)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    return table | {chr(256 + number): byte for number, byte in enumerate(others)}
