"""Harmony, the format of gpt-oss: a completion is one message or several, each in a channel.

What is thought stands in `analysis`, the answer in `final`. A call is a message to its tool:
`<|channel|>commentary to=functions.NAME <|constrain|>json<|message|>{…}<|call|>`. Prose before it
is a message in `commentary`. Between two stands `<|end|><|start|>assistant`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cb_datasets.errors import FormatError
from cb_datasets.formats.calls import ParsedCompletion, ToolCall
from cb_datasets.formats.format import CallSyntax, Format, ReadCompletion
from cb_datasets.formats.headers import Headers
from cb_datasets.formats.json_calls import any_of, arguments_json, read_json
from cb_datasets.formats.json_names import CharSpan
from cb_datasets.formats.thinking import behind_space
from cb_datasets.formats.tool_names import Tools

_START, _END, _MESSAGE, _CHANNEL = "<|start|>", "<|end|>", "<|message|>", "<|channel|>"
_CONSTRAIN, _RETURN, _CALL = "<|constrain|>", "<|return|>", "<|call|>"
_END_OF_TEXT, _START_OF_TEXT = "<|endoftext|>", "<|startoftext|>"
_NEEDS = (_START, _END, _MESSAGE, _CHANNEL, _CONSTRAIN, _RETURN, _CALL)
_CONTROL = (*_NEEDS, _END_OF_TEXT, _START_OF_TEXT)
_ENDS = {"call": _CALL, "return": _RETURN, "endoftext": _END_OF_TEXT}
_NAMES = {token: name for name, token in _ENDS.items()}
_ANY = any_of(_CONTROL)
_NEXT = _START + "assistant"
_FUNCTIONS = "functions."
_NAME = re.compile(r"[^\s<|]{1,256}")
# With bounds: a header that is none must not cost more than its length.
_HEADER = re.compile(
    r"(?: to=(?P<early>[^\s<|]{1,300}))?\s{0,4}(?:<\|channel\|>(?P<channel>\w{1,32}))?"
    r"(?:\s{0,4}to=(?P<late>[^\s<|]{1,300}))?\s{0,4}(?:(?:<\|constrain\|>)?\w{1,32})?\s{0,4}"
    r"<\|message\|>"
)
_NOT_CALLED = ("assistant", "user", "all")


@dataclass(slots=True)
class _Reading:
    """What has been read so far of a completion."""

    text: str
    content: list[str] = field(default_factory=list)
    thought: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    places: list[CharSpan] = field(default_factory=list)
    names: list[CharSpan] = field(default_factory=list)
    thinking: list[CharSpan] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    code: str | None = None
    end: str | None = None

    def message(self, at: int) -> int:
        """Read a message whose header begins at a position; the position behind it."""
        text, start = self.text, at
        head = _HEADER.match(text, at)
        if head is None:
            stop = _ANY.search(text, at)
            at = stop.start() if stop else len(text)
            self.problems.append("a message has no header of the format")
            self.content.append(text[start:at])
            return self._behind(at)
        body = head.end()
        stop = _ANY.search(text, body)
        at = stop.start() if stop else len(text)
        to = "late" if head["late"] else "early"
        if head[to] and head[to] not in _NOT_CALLED:
            self._call(start, head.span(to), body, at)
        elif head["channel"] == "analysis":
            self.thought.append(text[body:at])
            self.thinking.append((start, at + len(_END) * text.startswith(_END, at)))
            if not stop:
                self.problems.append("the thinking does not end")
        else:
            self.content.append(text[body:at])
        return self._behind(at)

    def _call(self, start: int, name: CharSpan, body: int, stop: int) -> None:
        """A message to a tool."""
        called = self.text[slice(*name)]
        if called == "python":
            self.code = self.text[body:stop]
            return
        begin = behind_space(self.text, body)
        found = read_json(self.text, begin) if self.text.startswith("{", begin) else None
        problem = found.problem if found else "its arguments are not a JSON object"
        if found and not problem and self.text[found.end : stop].strip():
            problem = "more than its arguments stands in it"
        if problem or found is None:
            self.problems.append(f"malformed tool call: {problem}")
            self.content.append(self.text[body:stop])
            return
        bare = called.removeprefix(_FUNCTIONS)
        self.calls.append(ToolCall(bare, found.value))
        self.places.append((start, found.end))
        self.names.append((name[1] - len(bare), name[1]))

    def _behind(self, at: int) -> int:
        """The position of the next message's header, behind what ends one; or the text's end."""
        stop = _ANY.match(self.text, at)
        if stop is None:
            return len(self.text)
        at = stop.end()
        if stop.group() in _NAMES:
            self.end = _NAMES[stop.group()]
            if self.text[at:].replace(_END_OF_TEXT, "").strip():
                self.problems.append("text follows the end token")
            return len(self.text)
        if stop.group() == _END and self.text.startswith(_NEXT, at):
            return at + len(_NEXT)
        if stop.group() != _END or at < len(self.text):
            self.problems.append(f"{stop.group()} inside the completion")
        return at


def read(text: str, tools: Tools | None = None) -> ReadCompletion:
    """Read a completion.

    A call is a message to a tool; JSON in any other is prose. What stands in `analysis` is thought.

    Args:
        text: The raw output, special tokens included.
        tools: The tools on offer; a message to a tool is a call, whatever they are.

    Example:
        >>> said = "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}<|call|>"
        >>> read(said).parsed.calls
        (ToolCall(name='f', arguments={}),)
    """
    reading, at = _Reading(text), 0
    while at < len(text):
        at = reading.message(at)
    parsed = ParsedCompletion(
        content="\n".join(filter(None, reading.content)),
        calls=tuple(reading.calls),
        code=reading.code,
        end=reading.end,
        tagged=bool(reading.calls),
        problems=tuple(reading.problems),
        thinking="\n".join(reading.thought) if reading.thought else None,
    )
    return ReadCompletion(
        parsed, tuple(reading.places), tuple(reading.names), tuple(reading.thinking)
    )


def _call_text(call: ToolCall) -> str:
    if not _NAME.fullmatch(call.name) or call.name.startswith(_FUNCTIONS):
        raise FormatError(f"call {call.name!r} has a name that Harmony cannot write")
    return f"{call.name} {_CONSTRAIN}json{_MESSAGE}{arguments_json(call, _CONTROL)}"


HARMONY = Format(
    "harmony",
    "Harmony (gpt-oss)",
    needs=_NEEDS,
    begin=None,
    end_tokens=_ENDS,
    ends=("call", "return"),
    control_tokens=_CONTROL,
    headers=Headers(
        _START,
        None,
        "",
        ("system", "developer", "user", "assistant", "functions"),
        ("functions",),
        system="developer",
        own=("system", "developer"),
        goes_on=(f"{_CHANNEL}analysis", f"{_CHANNEL}commentary{_MESSAGE}"),
    ),
    turn_end=_END,
    several_calls=None,
    calls=CallSyntax(
        _call_text,
        behind_name=f" {_CONSTRAIN}json{_MESSAGE}{{",
        closed="}",
        tag=f"{_CHANNEL}commentary to={_FUNCTIONS}",
        between=None,
        before_prose=f"{_CHANNEL}commentary{_MESSAGE}",
        behind_prose=_END + _NEXT,
    ),
    read=read,
    inside=(_START, _END, _MESSAGE, _CHANNEL, _CONSTRAIN),
    before_answer=f"{_CHANNEL}final{_MESSAGE}",
)
