"""What a parsed completion is made of."""

from __future__ import annotations

from typing import NamedTuple

from cb_datasets.records import ToolCall


class ParsedCompletion(NamedTuple):
    """A completion, read.

    Attributes:
        content: The prose, without calls and without the end token.
        calls: The tool calls, in the order they were made.
        code: The code of a code-interpreter call (raw Python after `<|python_tag|>`), or None.
        end: Name of the end token: "eom_id", "eot_id" or "end_of_text"; None if there is none.
        tagged: Whether `<|python_tag|>` was there.
        problems: What is malformed, one sentence each; empty for a clean completion.
    """

    content: str = ""
    calls: tuple[ToolCall, ...] = ()
    code: str | None = None
    end: str | None = None
    tagged: bool = False
    problems: tuple[str, ...] = ()
