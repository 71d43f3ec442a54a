"""The control tokens of Llama 3.1, by name and as text, and those that its reader goes by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

BEGIN_OF_TEXT = "<|begin_of_text|>"
END_OF_TEXT = "<|end_of_text|>"
START_HEADER = "<|start_header_id|>"
END_HEADER = "<|end_header_id|>"
EOM = "<|eom_id|>"
EOT = "<|eot_id|>"
PYTHON_TAG = "<|python_tag|>"
PAD = "<|finetune_right_pad_id|>"

END_TOKENS: dict[str, str] = {
    "eom_id": EOM,
    "eot_id": EOT,
    "end_of_text": END_OF_TEXT,
}
"""Tokens that end a completion: eom_id expects a tool result, eot_id ends the turn."""

CONTROL_TOKENS = (
    BEGIN_OF_TEXT,
    END_OF_TEXT,
    START_HEADER,
    END_HEADER,
    EOM,
    EOT,
    PYTHON_TAG,
    PAD,
)
"""Every control token that this library itself reads or writes."""


@dataclass(frozen=True)
class Marks:
    """The control tokens by which a completion is read; other families have others.

    Attributes:
        tag: What stands before calls.
        ends: What ends a completion, by name.
        control: All of them.
        pad: What may follow the end.
        close: What stands behind calls, where something does.
    """

    tag: str
    ends: Mapping[str, str]
    control: tuple[str, ...]
    pad: str
    close: str | None = None

    @cached_property
    def end_names(self) -> dict[str, str]:
        """The name of each end token."""
        return {token: name for name, token in self.ends.items()}

    @cached_property
    def end_tokens(self) -> tuple[str, ...]:
        """The end tokens."""
        return tuple(self.ends.values())

    @cached_property
    def stops(self) -> tuple[str, ...]:
        """What nothing broken reaches over."""
        return (*self.end_tokens, self.tag, *filter(None, [self.close]))

    @cached_property
    def beside(self) -> tuple[str, ...]:
        """What may stand between two calls of a series."""
        return (self.tag, *filter(None, [self.close]))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Any of the control tokens."""
        return re.compile("|".join(map(re.escape, self.control)))

    @cached_property
    def opening(self) -> re.Pattern[str]:
        """Where something other than prose may begin: a value, a function tag, a control token."""
        return re.compile(r"{(?=\s*[\"}])|\[(?=\s*{)|<function=|" + self.pattern.pattern)


MARKS = Marks(PYTHON_TAG, END_TOKENS, CONTROL_TOKENS, PAD)
"""Those of Llama 3.1."""

CONTROL_TOKEN = MARKS.pattern
