"""Models whose tokenizer brings a `response_template`: read by it, written by their chat template.

In: a tokenizer. Out: the format of its model, under a name made of both templates. It is known in
the process in which the tokenizer was looked at. Where the turns of a prompt begin it cannot tell,
and no forced call is written in it.

Spec: response parsing of transformers (`tokenizer.parse_response`), from 5.13 on.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from cb_datasets.errors import FormatError
from cb_datasets.formats.calls import ParsedCompletion, ToolCall
from cb_datasets.formats.chat_template import chat_template_of, compiled_template
from cb_datasets.formats.format import CallSyntax, Format, ReadCompletion
from cb_datasets.formats.json_calls import MAX_DEPTH, any_of, deeper_than
from cb_datasets.formats.json_names import CharSpan
from cb_datasets.formats.tool_names import Tools, tool_function
from cb_datasets.formats.turns import TurnSpan
from cb_datasets.quoting import error_line

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_CALLS = "tool_calls"
_THOUGHTS = ("reasoning_content", "reasoning", "thinking")
_QUESTION = [{"role": "user", "content": "Hi."}]


@dataclass(frozen=True, slots=True)
class Untold:
    """Turns of which nothing is told."""

    wrapped: re.Pattern[bytes] | None = None

    def turns(
        self, token_ids: Sequence[int], tokenizer: PreTrainedTokenizerBase
    ) -> tuple[TurnSpan, ...]:
        """None."""
        return ()

    def with_messages(
        self, turns: tuple[TurnSpan, ...], roles: Sequence[str]
    ) -> tuple[TurnSpan, ...]:
        """None."""
        return ()

    def await_completion(
        self,
        token_ids: Sequence[int],
        turns: tuple[TurnSpan, ...],
        tokenizer: PreTrainedTokenizerBase,
    ) -> bool:
        """It is not known."""
        return False

    def message_turns(
        self,
        token_ids: Sequence[int],
        messages: Sequence[Mapping[str, Any]],
        tokenizer: PreTrainedTokenizerBase,
    ) -> tuple[TurnSpan, ...]:
        """None."""
        return ()


class _Region(NamedTuple):
    """A field of a completion: where it begins, what it holds, where it ends."""

    field: str
    start: int
    body: int
    end: int
    name: CharSpan | None
    closed: bool


class BroughtFormat:
    """How a model's completions are read and written by what its tokenizer brings.

    Args:
        tokenizer: The tokenizer; it has a `response_template`.

    Raises:
        FormatError: The template is none that transformers reads, or it ends no completion.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        from transformers.utils.chat_parsing.response_templates import load_response_template

        given: Any = getattr(tokenizer, "response_template", None)
        try:
            self._template = load_response_template(given)
        except (ValueError, TypeError) as error:
            raise FormatError(f"its response_template is none: {error_line(error)}") from error
        self._chat = compiled_template(chat_template_of(tokenizer))
        self._variables = dict(tokenizer.special_tokens_map)
        added = tokenizer.added_tokens_decoder.values()
        self.special = tuple(sorted(str(t.content) for t in added if t.special))
        self.markup = tuple(sorted(str(t.content) for t in added if not t.special))
        self.prompt = self._rendered(_QUESTION, add_generation_prompt=True)
        self.opening = self._template.truncate_past_last_anchor(self.prompt)
        said = self._said({"role": "assistant", "content": "Ho."})
        held = [token for token in (*self.special, *self.markup) if said.endswith(token)]
        if not held:
            raise FormatError("its chat template writes no end token behind an answer")
        ends = {"end": max(held, key=len), "eos": str(tokenizer.eos_token or "")}
        self.ends = {name: token for name, token in ends.items() if token}
        if ends["eos"] == ends["end"]:
            del self.ends["eos"]
        self._ending = any_of(tuple(self.ends.values()))
        self._names = {token: name for name, token in self.ends.items()}

    def read(self, text: str, tools: Tools | None) -> ReadCompletion:
        """Read a completion, as the response template has it."""
        found = self._ending.search(text)
        said = text[: found.start()] if found else text
        end = self._names[found.group()] if found else None
        problems = []
        if found and self._ending.sub("", text[found.end() :]).strip():
            problems.append("text follows the end token")
        try:
            message = self._message(said, tools)
            calls = list(_calls(message))
        except Exception as error:
            # Patterns and parsers are the model's own and raise what they like.
            problems.append(f"malformed tool call: {error_line(error)}")
            return ReadCompletion(ParsedCompletion(said, end=end, problems=tuple(problems)))
        regions = list(self._regions(said))
        spoken = [region for region in regions if region.field == _CALLS]
        thinking = [region for region in regions if region.field in _THOUGHTS]
        if end is None and any(not region.closed for region in spoken):
            problems.append("malformed tool call: it is not closed")
            calls, spoken = [], []
        if any(not region.closed for region in thinking):
            problems.append("the thinking does not end")
        names = list(_names(calls, spoken, said))
        if len(names) != len(calls):
            problems.append("malformed tool call: it cannot be told where its name stands")
            calls, spoken, names = [], [], []
        content = str(message.get("content") or "")
        if token := self._control_token(content):
            problems.append(f"{token} inside the completion")
        thought = next((message[name] for name in _THOUGHTS if name in message), None)
        parsed = ParsedCompletion(
            content=content,
            calls=tuple(calls),
            end=end,
            tagged=bool(calls),
            problems=tuple(problems),
            thinking=None if thought is None else str(thought),
        )
        return ReadCompletion(
            parsed,
            tuple((region.start, region.end) for region in spoken),
            tuple(names),
            tuple((region.start, region.end) for region in thinking),
        )

    def write(self, content: str, calls: Sequence[ToolCall]) -> str:
        """The text of a completion, without its end token, as the chat template writes it.

        Raises:
            FormatError: The template writes something that is not read back.
        """
        written = json.dumps([[call.name, call.arguments] for call in calls], ensure_ascii=False)
        if token := self._control_token(written):
            raise FormatError(f"a call holds the control token {token}")
        made = [
            {"type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in calls
        ]
        asked = {"tool_calls": made} if made else {}
        said = self._said({"role": "assistant", "content": content, **asked})
        ended = self._ending.search(said)
        said = said[: ended.start()] if ended else said
        parsed = self.read(said + self.ends["end"], None).parsed
        same = len(parsed.calls) == len(calls) and all(map(_same, parsed.calls, calls))
        if not same or parsed.problems or parsed.content.strip() != content.strip():
            raise FormatError("the model's templates do not read back what they write of it")
        return said

    def _said(self, message: Mapping[str, Any]) -> str:
        """What the template makes of an assistant's message behind a question."""
        text = self._rendered([*_QUESTION, message], add_generation_prompt=False)
        said: str = self._template.truncate_past_last_anchor(text)
        return said.removeprefix(self.opening).rstrip()

    def _rendered(self, messages: Sequence[Mapping[str, Any]], **options: Any) -> str:
        try:
            text = self._chat.render(messages=messages, tools=None, **self._variables, **options)
        except Exception as error:
            raise FormatError(f"the chat template refuses it: {error_line(error)}") from error
        return str(text)

    def _message(self, said: str, tools: Tools | None) -> dict[str, Any]:
        from transformers.utils.chat_parsing import parse_response

        functions = [function for tool in tools or () if (function := tool_function(tool))]
        schemas: list[Any] = [{"type": "function", "function": dict(f)} for f in functions]
        found: dict[str, Any] = parse_response(
            said, self._template, prefix=self.prompt, tools=schemas or None
        )
        return found

    def _control_token(self, text: str) -> str | None:
        found = any_of((*self.special, *self.markup)).search(text)
        return found.group() if found else None

    def _regions(self, said: str) -> Iterator[_Region]:
        """The fields of a completion, as transformers goes through them."""
        text, shift = self.opening + said, len(self.opening)
        fields, implicit = self._template.fields, self._template.implicit
        at = 0
        while True:
            searched = ((f.open_re.search(text, at), f) for f in fields.values() if f.open_re)
            opened = [(match, field) for match, field in searched if match]
            close = fields[implicit].close_re if implicit else None
            ended = close.search(text, at) if close else None
            first = min(opened, key=_first, default=None)
            if ended and ended.end() > at and (first is None or ended.start() < first[0].start()):
                at = ended.end()
                continue
            if first is None:
                return
            match, field = first
            stop = field.close_re.search(text, match.end()) if field.close_re else None
            at = stop.end() if stop else len(text)
            named = match.span("name") if "name" in match.groupdict() else None
            yield _Region(
                field.name,
                max(0, match.start() - shift),
                max(0, match.end() - shift),
                at - shift,
                (named[0] - shift, named[1] - shift) if named else None,
                stop is not None,
            )


def _first(found: tuple[Any, Any]) -> tuple[int, int]:
    match, _ = found
    return match.start(), match.start() - match.end()


def _calls(message: Mapping[str, Any]) -> Iterator[ToolCall]:
    """The calls of a message that transformers parsed.

    Raises:
        ValueError: One is none.
    """
    for item in message.get(_CALLS) or ():
        for call in item if isinstance(item, list) else [item]:
            function = call.get("function", call) if isinstance(call, Mapping) else {}
            name, arguments = function.get("name"), function.get("arguments")
            if isinstance(arguments, str):
                arguments = json.loads(arguments or "{}")
            if not isinstance(name, str) or not name or not isinstance(arguments, dict):
                raise ValueError("it has no name, or its arguments are not a JSON object")
            text = json.dumps(arguments, ensure_ascii=False, allow_nan=False)
            text.encode()
            if deeper_than(MAX_DEPTH, arguments, text):
                raise ValueError("JSON is nested too deeply")
            yield ToolCall(name, arguments)


def _names(calls: Sequence[ToolCall], regions: Sequence[_Region], text: str) -> Iterator[CharSpan]:
    """Where the names of calls stand; fewer where it cannot be told."""
    if len(regions) not in (1, len(calls)):
        return
    at = 0
    for number, call in enumerate(calls):
        region = regions[number] if len(regions) == len(calls) else regions[0]
        span = region.name
        if span is None or text[slice(*span)] != call.name:
            found = text.find(call.name, max(at, region.start), region.end)
            if found < 0:
                return
            span = found, found + len(call.name)
        at = span[1]
        yield span


def _same(read: ToolCall, meant: ToolCall) -> bool:
    """Whether a call reads as it was meant; without a schema a value may be read as text."""
    return read.name == meant.name and {k: _text(v) for k, v in read.arguments.items()} == {
        k: _text(v) for k, v in meant.arguments.items()
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def response_format(tokenizer: PreTrainedTokenizerBase) -> Format | None:
    """The format of a tokenizer that brings a response template; None where it brings none.

    Raises:
        FormatError: It cannot be read or written by what it brings.
    """
    if not getattr(tokenizer, "response_template", None):
        return None
    brought = BroughtFormat(tokenizer)
    key = json.dumps([tokenizer.response_template, chat_template_of(tokenizer)], sort_keys=True)
    begin = tokenizer.bos_token if brought.prompt.startswith(tokenizer.bos_token or " ") else None
    return Format(
        f"response-{hashlib.sha256(key.encode()).hexdigest()[:12]}",
        "response template",
        needs=(),
        begin=begin,
        end_tokens=brought.ends,
        ends=("end", "end"),
        control_tokens=brought.special,
        headers=Untold(),
        turn_end=brought.ends["end"],
        several_calls=None,
        calls=CallSyntax(_unwritten, behind_name="", closed="", tag=""),
        read=brought.read,
        inside=tuple(t for t in brought.special if t not in brought.ends.values()),
        call_ids=False,
        write=brought.write,
        markup=brought.markup,
    )


def _unwritten(call: ToolCall) -> str:
    raise FormatError(f"call {call.name!r}: a model's chat template writes whole messages alone")
