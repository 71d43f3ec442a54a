"""What each token of a row is: sampled, forced, the name of a call, the injection, a header.

In: the ids of a row and their tokenizer. Out: runs of tokens that are the same thing, in order.
Nothing is tokenized again; what a token is follows from ids, turns and the parser's own spans.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from cb_datasets.errors import FormatError
from cb_datasets.formats.encode import completion_text
from cb_datasets.formats.injection_spans import injection_spans
from cb_datasets.formats.sequence import TrainingSequence, token_bytes, training_sequence
from cb_datasets.formats.tool_names import Tools

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

HEADER, PREFILL, SAMPLED, NAME, INJECTION = "header", "prefill", "sampled", "name", "injection"


@dataclass(frozen=True, slots=True)
class RowIds:
    """The token ids of a row, and what else decides what they are.

    Attributes:
        prompt: The prompt.
        prefill: What the completion was forced to begin with.
        completion: What the model sampled.
        text: The text that prefill and completion must have.
        tools: The tools on offer.
        messages: The messages of the prompt, in which the injection is found.
        attack: The injection, where there is one.
    """

    prompt: Sequence[int]
    prefill: Sequence[int]
    completion: Sequence[int]
    text: str
    tools: Tools | None = None
    messages: Sequence[Mapping[str, Any]] = ()
    attack: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class TokenRun:
    """Tokens that follow each other and are the same thing.

    Attributes:
        role: The role of their turn; empty before the first.
        is_first: A turn begins with them.
        marks: What they are, of the names above; nothing where they are plain prompt.
        token_ids: The tokens.
    """

    role: str
    is_first: bool
    marks: tuple[str, ...]
    token_ids: tuple[int, ...]


def token_runs(ids: RowIds, tokenizer: PreTrainedTokenizerBase) -> list[TokenRun]:
    """The tokens of a row by what they are.

    Raises:
        FormatError: The ids are not of this tokenizer: it does not have one, or gives other text.

    Example:
        >>> from cb_datasets.formats import render_prompt
        >>> from cb_datasets.models.tokenizer import load_tokenizer
        >>> said = [{"role": "user", "content": "Say Hi"}]
        >>> prompt = render_prompt(said).token_ids
        >>> ids = RowIds(prompt, (), (), "", messages=said, attack={"injection": "Hi"})
        >>> runs = token_runs(ids, load_tokenizer(None))
        >>> [run.marks for run in runs if run.role == "user"]
        [('header',), (), ('injection',), ()]
    """
    try:
        if completion_text([*ids.prefill, *ids.completion], tokenizer) != ids.text:
            raise FormatError("it gives another text for the ids of the completion")
        sequence = training_sequence(
            ids.prompt, ids.completion, tokenizer, prefill_token_ids=ids.prefill, tools=ids.tools
        )
        marks = _marks(sequence, ids, tokenizer)
    except FormatError:
        raise
    except (LookupError, OverflowError, TypeError, ValueError) as error:
        raise FormatError(f"it cannot read the ids: {error}") from error
    turns = np.zeros(len(marks), np.int64)
    for number, turn in enumerate(sequence.turns, 1):
        turns[turn.start : turn.end] = number
    roles = ["", *(turn.role for turn in sequence.turns)]
    found: list[TokenRun] = []
    last, tokens = -1, zip(turns.tolist(), marks, sequence.token_ids.tolist(), strict=True)
    for (number, kinds), run in groupby(tokens, key=lambda token: token[:2]):
        token_ids = tuple(token for *_, token in run)
        found.append(TokenRun(roles[number], number != last, kinds, token_ids))
        last = number
    return found


def _marks(
    sequence: TrainingSequence, ids: RowIds, tokenizer: PreTrainedTokenizerBase
) -> list[tuple[str, ...]]:
    """What each token is."""
    count, prompt = len(sequence.token_ids), sequence.prompt_length
    is_a = {name: np.zeros(count, np.bool_) for name in (HEADER, PREFILL, SAMPLED, NAME, INJECTION)}
    is_a[SAMPLED] = sequence.assistant_mask
    is_a[PREFILL][prompt : prompt + len(ids.prefill)] = True
    is_a[HEADER][: sequence.turns[0].start if sequence.turns else 0] = True
    for turn in sequence.turns:
        is_a[HEADER][turn.start : turn.body] = True
    for start, end in sequence.tool_name_spans:
        is_a[NAME][start:end] = True
    bytes_of = token_bytes(tokenizer)
    for token in ids.prompt:
        bytes_of[token]  # raises where it is no token of this tokenizer
    row = {"prompt_token_ids": ids.prompt, "messages": ids.messages, "attack": ids.attack}
    for span in injection_spans(row, tokenizer).spans or ():
        is_a[INJECTION][span.start : span.end] = True
    kinds = [(name, mask.tolist()) for name, mask in is_a.items()]
    return [tuple(name for name, mask in kinds if mask[token]) for token in range(count)]
