"""What a format is: how a model's prompts and completions are written, and how they are read.

In: nothing. Out: `Format`, what everything asks that has to know how a model speaks. A format is
one module or folder in here that holds one; whether a tokenizer's model speaks it, the canary finds
out (`canary`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cb_datasets.formats.turns import Headers

if TYPE_CHECKING:
    from cb_datasets.formats.calls import ParsedCompletion, ToolCall
    from cb_datasets.formats.tool_names import Tools


@dataclass(frozen=True, slots=True)
class Format:
    """How a model's prompts and completions are written.

    Attributes:
        name: What rows, manifests and options call it.
        title: What people call it.
        needs: Special tokens without which a tokenizer cannot write it.
        begin: The token that a prompt begins with, once; None where there is none.
        end_tokens: What ends a completion: names, and tokens as text.
        control_tokens: All texts that only the template and the model write.
        headers: How it marks where a turn begins.
        turn_end: What ends a turn in the template.
        several_calls: What a message of several calls is in its turn, end included; the template
            writes only one.
        read: A completion's text, read.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    begin: str | None
    end_tokens: Mapping[str, str]
    control_tokens: tuple[str, ...]
    headers: Headers
    turn_end: str
    several_calls: Callable[[Sequence[ToolCall]], str]
    read: Callable[[str, Tools | None], ParsedCompletion]

    def __reduce__(self) -> tuple[Any, ...]:
        """Its name: what a format does is in no pickle."""
        from cb_datasets.formats.known import find_format

        return find_format, (self.name,)
