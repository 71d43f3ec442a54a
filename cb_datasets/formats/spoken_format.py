"""The format that a raw text is of, told by its control tokens.

In: a completion of which nothing else is known, as logs have them. Out: its format.
"""

from __future__ import annotations

from cb_datasets.formats.format import Format
from cb_datasets.formats.known import FORMATS
from cb_datasets.formats.llama31 import LLAMA31
from cb_datasets.formats.llama31.tokens import CONTROL_TOKEN


def spoken_format(text: str) -> Format | None:
    """The format whose completion a text is; None where it is no model's own text.

    A text that ends in an end token is of the format that has it, and most of the other control
    tokens in it. Those of Llama 3.1 give it away wherever they stand; others are words of HTML and
    of prose, too.

    Example:
        >>> spoken_format("Hello.<|im_end|>").name, spoken_format("Hello.<|eot_id|>").name
        ('chatml', 'llama31')
        >>> spoken_format("<s>Hello</s> there.") is None
        True
    """
    if ">" not in text:
        return None
    whole = text.rstrip()
    ended = [f for f in FORMATS if whole.endswith(tuple(f.end_tokens.values()))]
    if ended:
        return max(ended, key=lambda known: _held(text, known))
    return LLAMA31 if CONTROL_TOKEN.search(text) else None


def _held(text: str, known: Format) -> tuple[int, int]:
    """How many of a format's control tokens stand in a text, and how much of its markup."""
    control, markup = known.control_tokens, known.markup
    return sum(token in text for token in control), sum(token in text for token in markup)
