"""Prompts of trainers that write them between two tags, as the circuit breaker paper's does.

In: a row. Out: what stands between the tags. USER_TAG is the header of a user's turn, ASSISTANT_TAG
the end of that turn and the header of the assistant's. What goes between them is therefore our
prompt without the header of its first turn, which is the system's: this one word is all in which
the text that is trained on differs from what the model read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cb_datasets.formats.encode import completion_text
from cb_datasets.formats.llama31.tokens import BEGIN_OF_TEXT, END_HEADER, EOT, START_HEADER
from cb_datasets.training.own_ids import OwnIds

REAL_TOKENS = "control tokens stand in its text, which would become real ones"
"""Why a row is not for a trainer that tokenizes text."""

_BEGIN = f"{BEGIN_OF_TEXT}{START_HEADER}system{END_HEADER}\n\n"
_END = f"{EOT}{START_HEADER}assistant{END_HEADER}\n\n"
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
    text = completion_text(prompt, own_ids.tokenizer)
    is_whole = text.startswith(_BEGIN) and text.endswith(_END)
    between = text[len(_BEGIN) : -len(_END)] if is_whole else ""
    reason = None
    if not is_whole:
        reason = "its prompt is not of the turns of Llama 3.1"
    # Text becomes ids again in the trainer, and what looks like a control token one.
    elif row["provenance"]["neutralized_control_tokens"]:
        reason = REAL_TOKENS
    elif _SEPARATOR in between or _SEPARATOR in row["assistant_raw"]:
        reason = "it holds the text by which the trainer splits prompt and output"
    return Tagged(between, reason, max(len(prompt), len(said)) > _HALF)
