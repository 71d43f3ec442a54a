"""The token ids of a row for a trainer: its own, or new ones where it holds none.

In: a row of Ds or Dr and, if one was named, a tokenizer. Out: prompt and completion as ids. Ids
that are there are never made again, and never read with another tokenizer than theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import FormatError
from cb_datasets.formats.canary import format_of
from cb_datasets.formats.completion_ids import completion_token_ids
from cb_datasets.formats.encode import completion_text
from cb_datasets.formats.known import named_format
from cb_datasets.formats.render import render_prompt
from cb_datasets.models.tokenizer_facts import check_same_vocabulary, tokenizer_facts
from cb_datasets.quoting import printable
from cb_datasets.records import TokenizerFacts
from cb_datasets.schema import json_object

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

COLUMNS = (
    "id",
    "messages",
    "tools",
    "assistant_raw",
    "prompt_token_ids",
    "completion_token_ids",
    "provenance",
)
"""What is read of a row."""


class OwnIds:
    """Token ids of rows.

    Args:
        tokenizer: The trainer's, or its folder or Hub id; None reads what is there.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase | str | Path | None) -> None:
        if isinstance(tokenizer, (str, Path)):
            from cb_datasets.models.tokenizer import load_tokenizer

            tokenizer = load_tokenizer(tokenizer)
        self.tokenizer = tokenizer
        self._known: set[str] = set()

    @cached_property
    def facts(self) -> TokenizerFacts | None:
        """What is said of the tokenizer."""
        return None if self.tokenizer is None else tokenizer_facts(self.tokenizer)

    def __call__(self, row: Mapping[str, Any]) -> tuple[list[int], list[int]]:
        """Prompt and completion of a row.

        Raises:
            FormatError: The row is written in another format than the tokenizer's, its ids are of
                another tokenizer, or it has none and no tokenizer was named.
        """
        self._check_format(row)
        prompt, said = row["prompt_token_ids"], row["completion_token_ids"]
        if prompt is not None and said is not None:
            self._check(row, said)
            return list(prompt), list(said)
        if self.tokenizer is None:
            raise FormatError(
                f"{row_name(row)}: there are no token ids, since no tokenizer was named when the "
                "sets were built; name the one of the model that is trained (tokenizer=)"
            )
        allowed = row["provenance"]["control_tokens_allowed"]
        messages, tools = (
            list(map(json_object, row[part] or [])) for part in ("messages", "tools")
        )
        rendered = render_prompt(
            messages, tools, tokenizer=self.tokenizer, allow_control_tokens=bool(allowed)
        )
        return rendered.token_ids, completion_token_ids(row["assistant_raw"], self.tokenizer)

    def where_known(self, row: Mapping[str, Any]) -> tuple[list[int], list[int]] | None:
        """The same; None where the row holds none and no tokenizer was named to make them."""
        held = row["prompt_token_ids"] is not None and row["completion_token_ids"] is not None
        return self(row) if held or self.tokenizer is not None else None

    def check_vocabulary(self, row: Mapping[str, Any]) -> None:
        """See that a row's ids, as far as it says what they are of, are the tokenizer's.

        Raises:
            FormatError: They are of another vocabulary.
        """
        held = row["provenance"].get("tokenizer")
        if held is None or self.tokenizer is None or held["vocabulary_hash"] in self._known:
            return
        check_same_vocabulary(held, self.tokenizer, row_name(row))
        self._known.add(held["vocabulary_hash"])

    def _check_format(self, row: Mapping[str, Any]) -> None:
        if self.tokenizer is None:
            return
        held, own = named_format(row["provenance"].get("format")), format_of(self.tokenizer)
        if held is not own:
            raise FormatError(
                f"{row_name(row)}: it is written in the {held.title} format, and the tokenizer "
                f"that was given is one of {own.title}"
            )

    def _check(self, row: Mapping[str, Any], said: list[int]) -> None:
        if self.tokenizer is None:
            return
        self.check_vocabulary(row)
        if completion_text(said, self.tokenizer) != row["assistant_raw"]:
            raise FormatError(
                f"{row_name(row)}: its token ids do not give its text; they are of another "
                "tokenizer"
            )


def row_name(row: Mapping[str, Any]) -> str:
    """What an error calls a row."""
    return printable(str(row.get("id", "a row")), 200)
