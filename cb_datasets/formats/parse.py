"""From a completion, as text or token ids, to its prose, its calls, its end and its problems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cb_datasets.formats.calls import ParsedCompletion
from cb_datasets.formats.canary import format_of
from cb_datasets.formats.encode import completion_text
from cb_datasets.formats.format import Format
from cb_datasets.formats.known import named_format
from cb_datasets.formats.tool_names import Tools

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def parse_completion(
    completion: str | Sequence[int],
    tokenizer: PreTrainedTokenizerBase | None = None,
    tools: Tools | None = None,
    *,
    format: Format | str | None = None,
) -> ParsedCompletion:
    """Read a completion, as its format has it.

    A call behind the format's tag is a call, whatever stands around it. Llama 3.1 writes calls
    without it, too: then one is a call where it stands on lines of its own (or beside whole
    sentences) and the message begins or ends with it; within a sentence, in the midst of prose,
    beside a refusal, or where no such tool is on offer, it is quoted, and stays in the prose.

    Args:
        completion: The raw output, decoded with its special tokens (`skip_special_tokens=False`),
            or its token ids: a list, an array or a tensor.
        tokenizer: The tokenizer of the ids; not needed for text.
        tools: The tools on offer, OpenAI schemas or names; none where they are not known.
        format: The format, or its name; None is the tokenizer's, and without one Llama 3.1's.

    Returns:
        The prose (`content`), the `calls` in order, `code` for the interpreter form, the `end`
        token's name, whether the tag was there (`tagged`), and `problems`. A truncated or
        malformed call is a problem and never a call. The first end token ends the completion;
        up to there text is never lost: what is no call stays in `content` or `code`. Ids give what
        their text gives.

    Raises:
        FormatError: Ids are given without their tokenizer, or there is no such format.

    Example:
        >>> raw = '<|python_tag|>{"name": "f", "parameters": {"n": 1}}<|eom_id|>'
        >>> parsed = parse_completion(raw)
        >>> parsed.calls[0].name, parsed.calls[0].arguments, parsed.end
        ('f', {'n': 1}, 'eom_id')
    """
    if not isinstance(completion, str):
        completion = completion_text(completion, tokenizer)
        assert tokenizer is not None
        if format is None:
            format = format_of(tokenizer)
    return named_format(format).read(completion, tools).parsed
