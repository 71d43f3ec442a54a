"""Prompts of growing conversations, by the functions that render every other prompt.

In: messages and tools. Out: the ids that `FormatPrompt` gives for them, and the template's hash.
What stands between two control tokens is encoded by itself, and most of it stood in the prompt
before: it is encoded once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cb_datasets.formats.canary import format_of
from cb_datasets.formats.chat_template import chat_template_of, template_hash
from cb_datasets.formats.encode import control_id, plain_token_ids
from cb_datasets.formats.render import draft_prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_PARTS = 20_000
"""So many parts of prompts are remembered."""


class PromptRenderer:
    """Renders prompts for one tokenizer.

    Args:
        tokenizer: The target's.

    Raises:
        FormatError: What its chat template writes is no known format.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        format_of(tokenizer)
        self._tokenizer = tokenizer
        self._hash = template_hash(chat_template_of(tokenizer))
        self._known: dict[str, list[int]] = {}

    def __call__(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]]
    ) -> tuple[list[int], str]:
        """Token ids and template hash.

        Raises:
            FormatError: A message or tool does not fit the format.
        """
        draft = draft_prompt(messages, tools, tokenizer=self._tokenizer)
        parts = draft.mask.split(draft.text)
        if len(self._known) > _PARTS:
            self._known.clear()
        new = list({part for part, control in parts if not control} - self._known.keys())
        self._known.update(
            zip(new, plain_token_ids(new, self._tokenizer, draft.mask.special), strict=True)
        )
        ids: list[int] = []
        for part, control in parts:
            if control:
                ids.append(control_id(part, self._tokenizer))
            else:
                ids += self._known[part]
        return ids, self._hash
