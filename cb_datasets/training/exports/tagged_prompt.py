"""Prompts of trainers that write them between two tags, as the circuit breaker paper's does.

In: a row. Out: what stands between the tags. USER_TAG is the header of a user's turn, ASSISTANT_TAG
the end of that turn and the header of the assistant's. What goes between them is therefore our
prompt without the header of its first turn. Where that is the system's, this one word is all in
which the text that is trained on differs from what the model read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import FormatError
from cb_datasets.formats.canary import format_of
from cb_datasets.formats.encode import completion_text
from cb_datasets.formats.headers import Headers
from cb_datasets.training.own_ids import OwnIds

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

REAL_TOKENS = "control tokens stand in its text, which would become real ones"
"""Why a row is not for a trainer that tokenizes text."""

_SEPARATOR = "<SEPARATOR>"
_HALF = 512


@dataclass(frozen=True, slots=True)
class Tagged:
    """A row for a trainer that tokenizes the text between its tags.

    Attributes:
        prompt: What stands between the tags.
        unfit: Why the row cannot be written; None if it can.
        is_cut: Whether it is longer than the trainer keeps.
    """

    prompt: str
    unfit: str | None
    is_cut: bool


def tagged(row: Mapping[str, Any], own_ids: OwnIds) -> Tagged:
    """A row of Ds or Dr, or a side of a pair."""
    prompt, said = own_ids(row)
    between = _between(prompt, own_ids.tokenizer)
    reason = None
    if between is None:
        reason = "its prompt is not of turns that begin with a header"
    # Text becomes ids again in the trainer, and what looks like a control token one.
    elif row["provenance"]["neutralized_control_tokens"]:
        reason = REAL_TOKENS
    elif _SEPARATOR in between or _SEPARATOR in row["assistant_raw"]:
        reason = "it holds the text by which the trainer splits prompt and output"
    return Tagged(between or "", reason, max(len(prompt), len(said)) > _HALF)


def _between(prompt: list[int], tokenizer: PreTrainedTokenizerBase | None) -> str | None:
    """What stands between the header of the first turn and the end of the last that is over."""
    if tokenizer is None:
        raise FormatError("token ids are read with their tokenizer, and none was given")
    known = format_of(tokenizer)
    turns = known.headers.turns(prompt, tokenizer)
    if (
        not isinstance(known.headers, Headers)
        or not known.headers.await_completion(prompt, turns, tokenizer)
        or len(turns) == 1
        or turns[0].start != (known.begin is not None)
    ):
        return None
    return completion_text(prompt[turns[0].body : turns[-2].end - 1], tokenizer)
