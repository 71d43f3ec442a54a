"""The tokenizer of a row's ids: the one that was given, or the tiny agent's, which is at hand.

In: what a row calls its tokenizer. Out: the tokenizer, or None where it cannot be known.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from cb_datasets.assets import TINY_AGENT_NAME

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class RowTokenizers:
    """Tokenizers by the names in rows.

    Args:
        given: The tokenizer of all rows; None where it is not known.
    """

    def __init__(self, given: PreTrainedTokenizerBase | None) -> None:
        self._given = given

    def named(self, name: object) -> PreTrainedTokenizerBase | None:
        """The tokenizer of a row that calls it so.

        Example:
            >>> tokenizers = RowTokenizers(None)
            >>> tokenizers.named("cb_datasets/tiny-agent").vocab_size > 1000
            True
            >>> print(tokenizers.named("somebody/else"))
            None
        """
        if self._given is not None:
            return self._given
        return self._tiny_agents if name == TINY_AGENT_NAME else None

    @cached_property
    def _tiny_agents(self) -> PreTrainedTokenizerBase:
        from cb_datasets.models.tokenizer import load_tokenizer

        return load_tokenizer(None)
