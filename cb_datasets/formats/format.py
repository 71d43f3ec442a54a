"""What a format is: how a model's prompts and completions are written, and how they are read.

In: nothing. Out: `Format`, what everything asks that has to know how a model speaks. A format is
one module or folder in here that holds one; whether a tokenizer's model speaks it, the canary finds
out (`canary`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from cb_datasets.formats.calls import ParsedCompletion, ToolCall
from cb_datasets.formats.json_names import CharSpan
from cb_datasets.formats.turns import Turns

if TYPE_CHECKING:
    from cb_datasets.formats.tool_names import Tools


class ReadCompletion(NamedTuple):
    """A completion, read, and where its calls stand.

    Attributes:
        parsed: What it holds.
        places: The stretches of the text that hold calls, in order; a list is one. With tags where
            `names` are given, else without.
        names: Where the names of the calls stand; None where `call_names` can tell by the places.
        thinking: The stretches in which is thought, tags included.
    """

    parsed: ParsedCompletion
    places: tuple[CharSpan, ...] = ()
    names: tuple[CharSpan, ...] | None = None
    thinking: tuple[CharSpan, ...] = ()


@dataclass(frozen=True, slots=True)
class CallSyntax:
    """How a format writes a call; a forced one ends somewhere in it.

    Attributes:
        text: The text of one call, without tags.
        behind_name: What stands between its name and its arguments.
        closed: What closes a call without arguments, from there.
        tag: What stands before a call; empty where nothing does.
        close: What stands behind it.
        between: What stands between two, tags included; None where a completion makes but one.
        before_prose: What stands before prose that has calls behind it.
        behind_prose: What stands between it and the tag.
        bare: Whether a call without the tag is one, too.
    """

    text: Callable[[ToolCall], str]
    behind_name: str
    closed: str
    tag: str
    close: str = ""
    between: str | None = ""
    before_prose: str = ""
    behind_prose: str = ""
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Format:
    """How a model's prompts and completions are written.

    Attributes:
        name: What rows, manifests and options call it.
        title: What people call it.
        needs: Special tokens without which a tokenizer cannot write it.
        begin: The token that a prompt begins with, once; None where there is none.
        end_tokens: What ends a completion: names, and tokens as text.
        ends: The names of those behind calls and behind an answer.
        control_tokens: All texts that only the template and the model write.
        headers: How it marks turns.
        turn_end: What ends a turn in the template.
        several_calls: What a message of several calls is in its turn, end included, where the
            template writes but one; None where it writes them.
        calls: How a call is written.
        before_answer: What stands before an answer without calls.
        read: A completion's text, read; tools are those on offer, as for `parse_completion`.
        inside: Control tokens that a completion may hold before its end.
        write: Content and calls as the text of a completion without its end, where `calls` and
            `before_answer` do not say.
        call_ids: Whether the template wants ids of calls, of nine letters or digits.
        markup: Control tokens that are one only for a tokenizer that has them as a token; a
            completion may hold them.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    begin: str | None
    end_tokens: Mapping[str, str]
    ends: tuple[str, str]
    control_tokens: tuple[str, ...]
    headers: Turns
    turn_end: str
    several_calls: Callable[[Sequence[ToolCall]], str] | None
    calls: CallSyntax
    read: Callable[[str, Tools | None], ReadCompletion]
    inside: tuple[str, ...] = ()
    before_answer: str = ""
    write: Callable[[str, Sequence[ToolCall]], str] | None = None
    call_ids: bool = False
    markup: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """Its name: what a format does is in no pickle."""
        from cb_datasets.formats.known import find_format

        return find_format, (self.name,)
