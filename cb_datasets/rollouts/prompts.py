"""Prompts of growing conversations, by the functions that render every other prompt.

In: messages and tools. Out: the ids that `FormatPrompt` gives for them, and the template's hash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cb_datasets.llama31.encode import encode_rendered
from cb_datasets.llama31.render import chat_template_of, draft_prompt, template_hash

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class PromptRenderer:
    """Renders prompts for one tokenizer.

    Args:
        tokenizer: The target's.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._hash = template_hash(chat_template_of(tokenizer))

    def __call__(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]]
    ) -> tuple[list[int], str]:
        """Token ids and template hash.

        Raises:
            FormatError: A message or tool does not fit the format.
        """
        draft = draft_prompt(messages, tools, tokenizer=self._tokenizer)
        (ids,) = encode_rendered([(draft.text, draft.mask)], self._tokenizer)
        return ids, self._hash
