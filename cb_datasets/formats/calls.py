"""What a parsed completion is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call, read from a text; rows hold calls as `records.ToolCall`.

    Attributes:
        name: Name of the tool called.
        arguments: Arguments of the call, a JSON object.
    """

    name: str
    arguments: dict[str, Any]


class ParsedCompletion(NamedTuple):
    """A completion, read.

    Attributes:
        content: The prose, without calls and without the end token.
        calls: The tool calls, in the order they were made.
        code: The code of a code-interpreter call (raw Python after `<|python_tag|>`), or None.
        end: Name of the end token: "eom_id", "eot_id" or "end_of_text"; None if there is none.
        tagged: Whether `<|python_tag|>` was there.
        problems: What is malformed, one sentence each; empty for a clean completion.
        thinking: What was thought before the answer, in formats that tell it apart; calls in it
            are none.
    """

    content: str = ""
    calls: tuple[ToolCall, ...] = ()
    code: str | None = None
    end: str | None = None
    tagged: bool = False
    problems: tuple[str, ...] = ()
    thinking: str | None = None
