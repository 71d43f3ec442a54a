"""What each token of a row is: sampled, forced, the name of a call, the injection, a header.

In: the ids of a row and their tokenizer. Out: runs of tokens that are the same thing, in order.
Nothing is tokenized again; what a token is follows from ids, turns and the parser's own spans.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import TYPE_CHECKING

import numpy as np

from cb_datasets.errors import FormatError
from cb_datasets.llama31.parse import completion_text
from cb_datasets.llama31.sequence import TrainingSequence, token_bytes, training_sequence
from cb_datasets.llama31.tool_names import Tools

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
        injection: The injected text; empty where there is none.
        tools: The tools on offer.
    """

    prompt: Sequence[int]
    prefill: Sequence[int]
    completion: Sequence[int]
    text: str
    injection: str = ""
    tools: Tools | None = None


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
        >>> from cb_datasets.llama31 import render_prompt
        >>> from cb_datasets.models.tokenizer import load_tokenizer
        >>> prompt = render_prompt([{"role": "user", "content": "Say Hi"}]).token_ids
        >>> runs = token_runs(RowIds(prompt, (), (), "", injection="Hi"), load_tokenizer(None))
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
    pieces = [bytes_of[token] for token in sequence.token_ids.tolist()]
    for start, end in _injected(pieces[:prompt], ids.injection):
        is_a[INJECTION][start:end] = True
    kinds = [(name, mask.tolist()) for name, mask in is_a.items()]
    return [tuple(name for name, mask in kinds if mask[token]) for token in range(count)]


def _injected(pieces: Sequence[bytes], injection: str) -> Iterator[tuple[int, int]]:
    """Tokens that hold a part of the injected text, wherever it stands in the prompt."""
    if not injection.strip():
        return
    ends, text = list(accumulate(map(len, pieces))), b"".join(pieces)
    # The template trims what stands at the ends of a message, and writes tool results as JSON.
    for written in _ways(injection.strip()):
        at = text.find(written)
        if at < 0:
            continue
        while at >= 0:
            end = at + len(written)
            yield int(np.searchsorted(ends, at, "right")), int(np.searchsorted(ends, end)) + 1
            at = text.find(written, end)
        return


def _ways(text: str) -> Iterator[bytes]:
    within_json = json.dumps(text, ensure_ascii=False)[1:-1]
    for way in (text, within_json, json.dumps(within_json, ensure_ascii=False)[1:-1]):
        yield way.encode("utf-8", "replace")
