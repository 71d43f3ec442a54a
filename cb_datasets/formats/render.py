"""From messages and tools to the exact token ids that the model reads.

The chat template writes the text, and only the template can write control tokens: whatever stands
in messages or tool schemas is encoded as plain text. The template's format is checked first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from cb_datasets.assets import tiny_agent_path
from cb_datasets.formats.canary import format_of
from cb_datasets.formats.chat_template import chat_template_of, template_hash
from cb_datasets.formats.draft import Draft, template_draft
from cb_datasets.formats.encode import encode_rendered
from cb_datasets.formats.llama31 import LLAMA31
from cb_datasets.formats.turns import TurnSpan

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

DEFAULT_DATE = "26 Jul 2024"


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A prompt, from begin-of-text to the header of the assistant's turn.

    Attributes:
        text: The prompt as text. Neutralised control tokens look the same here as real ones;
            `token_ids` tell them apart.
        token_ids: The prompt as the model reads it.
        template_hash: SHA-256 of the chat template.
        neutralized_control_tokens: How many control tokens stood in untrusted text and were
            encoded as plain text (0 with `allow_control_tokens`).
        non_template_messages: How many messages of the history the template refuses (several
            calls in one message) and were written in the canonical dialect.
        control_tokens_allowed: Whether control tokens in messages and tools were let through.
        turns: Which tokens are which turn, and which message it is; empty where a template, or
            control tokens that were let through, make other turns than one a message.
    """

    text: str
    token_ids: list[int]
    template_hash: str
    neutralized_control_tokens: int
    non_template_messages: int
    control_tokens_allowed: bool = False
    turns: tuple[TurnSpan, ...] = ()

    @property
    def assistant_mask(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """bool of shape (n,): what the assistant said earlier, end tokens included, headers not."""
        mask = np.zeros(len(self.token_ids), np.bool_)
        for turn in self.turns:
            if turn.role == "assistant" and turn.message is not None:
                mask[turn.body : turn.end] = True
        return mask


@lru_cache(maxsize=1)
def _bundled_tokenizer() -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(tiny_agent_path())
    return tokenizer


def render_prompt(
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]] | None = None,
    *,
    tokenizer: PreTrainedTokenizerBase | None = None,
    date_string: str = DEFAULT_DATE,
    allow_control_tokens: bool = False,
    **template_options: Any,
) -> RenderedPrompt:
    """Render a prompt for generation.

    Args:
        messages: OpenAI-style messages (`role`, `content`, `tool_calls`); tool results have role
            `tool` or `ipython`.
        tools: OpenAI function schemas; None or an empty list for none.
        tokenizer: The target's tokenizer; its own chat template is used when it has one. None
            takes the bundled tiny agent's, whose ids are its own.
        date_string: The date in the system message.
        allow_control_tokens: Let control tokens in messages and tools be control tokens. Only
            for attacks that are about them.
        template_options: Passed on to the template: `tools_in_user_message`, `builtin_tools`.

    Returns:
        Text and token ids, and which tokens are which message. Without control tokens in the
        messages and without parallel calls in the history, text and ids equal
        `tokenizer.apply_chat_template(add_generation_prompt=True)`.

    Raises:
        FormatError: A message or tool does not fit the format; the sentence says which.

    Format: Meta's Llama 3.1 model card and prompt formats.

    Example:
        >>> prompt = render_prompt([{"role": "user", "content": "Hi"}])
        >>> prompt.text[-28:]
        'assistant<|end_header_id|>\\n\\n'
        >>> [(turn.role, turn.message) for turn in prompt.turns]
        [('system', None), ('user', 0), ('assistant', None)]
    """
    tokenizer = tokenizer or _bundled_tokenizer()
    draft = draft_prompt(
        messages,
        tools,
        tokenizer=tokenizer,
        date_string=date_string,
        allow_control_tokens=allow_control_tokens,
        **template_options,
    )
    ids = encode_rendered([(draft.text, draft.mask)], tokenizer)[0]
    headers = format_of(tokenizer).headers
    roles = [str(message["role"]) for message in messages]
    return RenderedPrompt(
        text=draft.mask.reveal(draft.text),
        token_ids=ids,
        template_hash=template_hash(chat_template_of(tokenizer)),
        neutralized_control_tokens=draft.mask.hidden,
        non_template_messages=draft.parallel,
        control_tokens_allowed=allow_control_tokens,
        turns=headers.with_messages(headers.turns(ids, tokenizer), roles),
    )


def draft_prompt(
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]] | None,
    *,
    tokenizer: PreTrainedTokenizerBase | None,
    date_string: str = DEFAULT_DATE,
    allow_control_tokens: bool = False,
    **template_options: Any,
) -> Draft:
    """What `render_prompt` renders, still to be encoded: many are encoded faster at once.

    Without a tokenizer it is what Llama 3.1's own template makes, and tells whether the messages
    fit the format.

    Raises:
        FormatError: As `render_prompt`.
    """
    return template_draft(
        messages,
        tools,
        of=LLAMA31 if tokenizer is None else format_of(tokenizer),
        tokenizer=tokenizer,
        date_string=date_string,
        allow_control_tokens=allow_control_tokens,
        **template_options,
    )
