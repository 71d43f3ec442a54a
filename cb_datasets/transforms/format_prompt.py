"""Scenarios to prompts: the exact token ids that are put before the model."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import NotRequired, TypedDict

from cb_datasets.code_version import code_version
from cb_datasets.errors import FormatError
from cb_datasets.formats.canary import format_of
from cb_datasets.formats.chat_template import chat_template_of, template_hash
from cb_datasets.formats.draft import Draft
from cb_datasets.formats.encode import encode_rendered
from cb_datasets.formats.format import Format
from cb_datasets.formats.llama31 import LLAMA31
from cb_datasets.formats.render import DEFAULT_DATE, draft_prompt
from cb_datasets.models.tokenizer_facts import tokenizer_facts
from cb_datasets.models.tokenizer_state import TokenizerState, tokenizer_state
from cb_datasets.records import PromptColumns, Scenario, TokenizerFacts
from cb_datasets.schema import JsonObject
from cb_datasets.transforms.batch import (
    ROOMS,
    Batch,
    Configured,
    TypedColumn,
    check_columns,
    columns_of,
    rows_of,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class _Shown(TypedDict):
    """What is read of a scenario."""

    messages: list[JsonObject]
    tools: NotRequired[list[JsonObject] | None]
    set_aside: NotRequired[str | None]


class FormatPrompt(Configured):
    """Render `messages` and `tools` of scenarios to `prompt_token_ids`.

    Args:
        tokenizer: The target's tokenizer, or a folder or Hub id to load it from; None makes no
            ids and only sees whether the scenarios fit the format.
        date_string: The date in the system message.
        allow_control_tokens: Let control tokens in messages and tools be control tokens.

    Raises:
        FormatError: What the tokenizer's chat template writes is no known format.

    Adds the columns of `records.PromptColumns`. A scenario that does not fit the format gets no
    ids and the reason in `set_aside`.

    Example:
        >>> scenarios = cb.load_source("demo")                                 # doctest: +SKIP
        >>> scenarios.map(cb.FormatPrompt(tokenizer), batched=True)            # doctest: +SKIP
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase | TokenizerState | str | Path | None = None,
        *,
        date_string: str = DEFAULT_DATE,
        allow_control_tokens: bool = False,
    ) -> None:
        self._state: TokenizerState | None
        if tokenizer is None or isinstance(tokenizer, TokenizerState):
            self._state = tokenizer
        else:
            if isinstance(tokenizer, (str, Path)):
                from cb_datasets.models.tokenizer import load_tokenizer

                tokenizer = load_tokenizer(tokenizer)
            format_of(tokenizer)
            self._state = tokenizer_state(tokenizer)
        self.date_string = date_string
        self.allow_control_tokens = allow_control_tokens

    def config(self) -> dict[str, Any]:
        """The arguments that make this transform again."""
        return {
            "tokenizer": self._state,
            "date_string": self.date_string,
            "allow_control_tokens": self.allow_control_tokens,
        }

    def version(self) -> str:
        """The version of the format."""
        return code_version(*ROOMS)

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase | None:
        """The tokenizer, if one was named."""
        return None if self._state is None else self._state.restore()

    @cached_property
    def format(self) -> Format:
        """The format that prompts are written in."""
        return LLAMA31 if self.tokenizer is None else format_of(self.tokenizer)

    @cached_property
    def tokenizer_facts(self) -> TokenizerFacts | None:
        """What rows say of the tokenizer."""
        return None if self.tokenizer is None else tokenizer_facts(self.tokenizer)

    def __call__(self, batch: Batch) -> Batch:
        """The prompt columns of a batch of scenarios."""
        check_columns(batch, "FormatPrompt", "messages")
        _ = self.format
        drafts: list[Draft | None] = []
        set_aside: list[str | None] = []
        for scenario in rows_of(batch, _Shown):
            draft, reason = None, scenario.get("set_aside")
            if reason is None:
                try:
                    draft = self._draft(scenario)
                except FormatError as error:
                    reason = f"format: {error}"
            drafts.append(draft)
            set_aside.append(reason)
        rows = list(map(self._columns, drafts, self._token_ids(drafts)))
        fates = TypedColumn(set_aside, Scenario, "set_aside")
        return {**columns_of(rows, PromptColumns), "set_aside": fates}

    def _draft(self, scenario: _Shown) -> Draft:
        return draft_prompt(
            scenario["messages"],
            scenario.get("tools"),
            tokenizer=self.tokenizer,
            date_string=self.date_string,
            allow_control_tokens=self.allow_control_tokens,
        )

    def _token_ids(self, drafts: list[Draft | None]) -> list[list[int] | None]:
        if self.tokenizer is None:
            return [None] * len(drafts)
        rendered = [(draft.text, draft.mask) for draft in drafts if draft]
        ids = iter(encode_rendered(rendered, self.tokenizer))
        return [next(ids) if draft else [] for draft in drafts]

    @cached_property
    def _template(self) -> str | None:
        if self.tokenizer is None:
            return None
        return template_hash(chat_template_of(self.tokenizer))

    def _columns(self, draft: Draft | None, token_ids: list[int] | None) -> PromptColumns:
        return {
            "prompt_token_ids": token_ids,
            "tokenizer": self.tokenizer_facts,
            "format": self.format.name,
            "template_hash": self._template,
            "neutralized_control_tokens": draft.mask.hidden if draft else 0,
            "non_template_messages": draft.parallel if draft else 0,
            "control_tokens_allowed": self.allow_control_tokens,
        }
