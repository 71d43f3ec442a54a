"""Scenarios to prompts: the exact token ids that are put before the model."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from cb_datasets.code_version import code_version
from cb_datasets.errors import FormatError
from cb_datasets.llama31.encode import encode_rendered
from cb_datasets.llama31.render import (
    DEFAULT_DATE,
    Draft,
    chat_template_of,
    draft_prompt,
    template_hash,
)
from cb_datasets.models.tokenizer_state import TokenizerState, tokenizer_state
from cb_datasets.records import PromptColumns, Scenario
from cb_datasets.transforms.batch import ROOMS, Batch, Configured, typed

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class FormatPrompt(Configured):
    """Render `messages` and `tools` of scenarios to `prompt_token_ids`.

    Args:
        tokenizer: The target's tokenizer, or a folder or Hub id to load it from; None takes the
            bundled tiny agent's.
        date_string: The date in the system message.
        allow_control_tokens: Let control tokens in messages and tools be control tokens.

    Adds the columns of `records.PromptColumns`. A scenario that does not fit the format gets no
    ids and the reason in `set_aside`.

    Example:
        >>> scenarios = cb.load_source("demo")                                 # doctest: +SKIP
        >>> scenarios.map(cb.FormatPrompt(tokenizer), batched=True)            # doctest: +SKIP
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase | TokenizerState | str | None = None,
        *,
        date_string: str = DEFAULT_DATE,
        allow_control_tokens: bool = False,
    ) -> None:
        if isinstance(tokenizer, TokenizerState):
            self._state = tokenizer
        else:
            if tokenizer is None or isinstance(tokenizer, str):
                from cb_datasets.models.tokenizer import load_tokenizer

                tokenizer = load_tokenizer(tokenizer)
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
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer."""
        return self._state.restore()

    def __call__(self, batch: Batch) -> Batch:
        """The prompt columns of a batch of scenarios."""
        size = len(batch["messages"])
        set_aside = list(batch.get("set_aside") or [None] * size)
        tools = batch.get("tools") or [None] * size
        drafts: dict[int, Draft] = {}
        for number in range(size):
            if set_aside[number] is not None:
                continue
            try:
                drafts[number] = draft_prompt(
                    batch["messages"][number],
                    tools[number],
                    tokenizer=self.tokenizer,
                    date_string=self.date_string,
                    allow_control_tokens=self.allow_control_tokens,
                )
            except FormatError as error:
                set_aside[number] = f"format: {error}"
        rendered = [(draft.text, draft.mask) for draft in drafts.values()]
        encoded = dict(zip(drafts, encode_rendered(rendered, self.tokenizer), strict=True))
        made = [drafts.get(number) for number in range(size)]
        columns: Batch = {
            "prompt_token_ids": [encoded.get(number, []) for number in range(size)],
            "template_hash": [template_hash(chat_template_of(self.tokenizer))] * size,
            "neutralized_control_tokens": [draft.mask.hidden if draft else 0 for draft in made],
            "non_template_messages": [draft.parallel if draft else 0 for draft in made],
            "control_tokens_allowed": [self.allow_control_tokens] * size,
            "set_aside": set_aside,
        }
        return typed(typed(columns, PromptColumns), Scenario)
