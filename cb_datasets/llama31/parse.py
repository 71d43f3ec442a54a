"""From the raw text of a completion to its prose, its tool calls, its end token and its problems.

All three dialects of Llama 3.1 are read: canonical (`<|python_tag|>` + JSON), bare JSON, and the
others (built-in tools, Pythonic calls, `<function=NAME>`, code). The reader goes through the text
once, never raises, never evaluates, and never makes up a call from a part of one.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cb_datasets.errors import FormatError
from cb_datasets.llama31.calls import ParsedCompletion, ToolCall
from cb_datasets.llama31.json_calls import broken_end, calls_from_value, looks_like_call, read_json
from cb_datasets.llama31.pythonic import NotPythonicError, looks_like_builtin_call, read_pythonic
from cb_datasets.llama31.tokens import CONTROL_TOKEN, END_TOKENS, PAD, PYTHON_TAG

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_END_NAMES = {token: name for name, token in END_TOKENS.items()}
_ENDS = tuple(_END_NAMES)
_SEPARATORS = re.compile(r"[\s;]*")
_FUNCTION_TAG = re.compile(r"<function=([^<>\s]{1,256})>\s*")
_CLOSE_FUNCTION = re.compile(r"\s*</function>")
_CODE_FENCE = re.compile(r"^\s*```(?:\w+)?\s*$", re.MULTILINE)
# Where something other than prose may begin: an object or list, a function tag, a control token.
_OPENING = re.compile(r"{(?=\s*[\"}])|\[(?=\s*{)|<function=|" + CONTROL_TOKEN.pattern)
_PYTHONIC = re.compile(r"\s*(\[?\s*[A-Za-z_][\w.\-]*\s*\()")


def parse_completion(
    completion: str | Sequence[int], tokenizer: PreTrainedTokenizerBase | None = None
) -> ParsedCompletion:
    """Read a completion of Llama 3.1.

    Args:
        completion: The raw output, decoded with its special tokens (`skip_special_tokens=False`),
            or its token ids: a list, an array or a tensor.
        tokenizer: The tokenizer of the ids; not needed for text.

    Returns:
        The prose (`content`), the `calls` in order, `code` for the interpreter form, the `end`
        token's name, whether the tag was there (`tagged`), and `problems`. A truncated or
        malformed call is a problem and never a call. The first end token ends the completion;
        up to there text is never lost: what is no call stays in `content` or `code`. Ids give what
        their text gives.

    Raises:
        FormatError: Ids are given without their tokenizer.

    The format is that of Meta's model card and prompt guide for Llama 3.1; the rules for mixed
    and malformed output are those of this library's documentation.

    Example:
        >>> raw = '<|python_tag|>{"name": "f", "parameters": {"n": 1}}<|eom_id|>'
        >>> parsed = parse_completion(raw)
        >>> parsed.calls[0].name, parsed.calls[0].arguments, parsed.end
        ('f', {'n': 1}, 'eom_id')
    """
    if not isinstance(completion, str):
        completion = completion_text(completion, tokenizer)
    return read_completion(completion).parsed()


def completion_text(token_ids: Sequence[int], tokenizer: PreTrainedTokenizerBase | None) -> str:
    """The text of a completion's token ids, special tokens kept.

    Raises:
        FormatError: There is no tokenizer.
    """
    if tokenizer is None:
        raise FormatError("token ids are read with their tokenizer, and none was given")
    ids = [int(token) for token in token_ids]
    text = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return str(text)


def read_completion(text: str) -> Reading:
    """Read a completion, and keep where its calls stand; see `parse_completion`."""
    reading = Reading(text)
    if text.startswith(PYTHON_TAG):
        reading.tagged = reading.begun = True
        at = len(PYTHON_TAG)
    else:
        at = _pythonic_body(reading) or _prose(reading, 0)
    while at < len(text):
        at = _prose(reading, _series(reading, at))
    return reading


@dataclass(slots=True)
class Reading:
    """A completion, and what has been read of it so far.

    `places` are the stretches of the text that hold calls, in order; a list holds several.
    """

    text: str
    calls: list[ToolCall] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    code: str | None = None
    end: str | None = None
    tagged: bool = False
    bare: bool = False
    begun: bool = False
    places: list[tuple[int, int]] = field(default_factory=list)
    stops: list[int] | None = None

    def stop(self, at: int) -> int:
        """Where the next end token or tag stands, from `at`: nothing broken reaches over it."""
        if self.stops is None:
            found = CONTROL_TOKEN.finditer(self.text)
            stopping = (*_ENDS, PYTHON_TAG)
            self.stops = [match.start() for match in found if match.group() in stopping]
        number = bisect_left(self.stops, at)
        return self.stops[number] if number < len(self.stops) else len(self.text)

    def take_calls(self, calls: list[ToolCall], start: int, end: int) -> None:
        """Calls, and where in the text they stand."""
        self.calls.extend(calls)
        self.places.append((start, end))

    def take_prose(self, start: int, stop: int, *, before_bare_call: bool = False) -> None:
        """Prose; the beginning of the completion is kept to the letter."""
        if start == stop:
            self.begun = True
            return
        text = self.text[start:stop]
        if self.begun:
            text = text.strip(" \t\r\n;")
        elif before_bare_call and not text.strip():
            text = ""
        self.begun = True
        if text:
            self.prose.append(text)

    def close(self, at: int) -> int:
        """The end token at `at` ends the completion; the position where nothing is left to read."""
        behind = self.text.index("|>", at) + 2
        self.end = _END_NAMES[self.text[at:behind]]
        if behind < len(self.text) and self.text[behind:].replace(PAD, "").strip():
            self.problems.append("text follows the end token")
        return len(self.text)

    def ends_at(self, at: int) -> bool:
        """Whether an end token stands at a position."""
        return self.text.startswith(_ENDS, at)

    def parsed(self) -> ParsedCompletion:
        """What was read."""
        if self.tagged and not self.calls and self.code is None and not self.problems:
            self.problems.append("nothing follows <|python_tag|>")
        prose = self.prose
        if self.bare and "```" in self.text:
            prose = [part for part in (_CODE_FENCE.sub("", p) for p in prose) if part.strip()]
        return ParsedCompletion(
            content="\n".join(prose),
            calls=tuple(self.calls),
            code=self.code,
            end=self.end,
            tagged=self.tagged,
            problems=tuple(self.problems),
        )


def _prose(reading: Reading, at: int) -> int:
    """Read prose with bare calls in it; the position behind the next tag, or the text's end."""
    text, prose_from = reading.text, at
    while match := _OPENING.search(text, at):
        opening, at = match.group(), match.start()
        if opening in "{[":
            calls, end = _bare_json(reading, at)
        elif opening == PYTHON_TAG:
            reading.take_prose(prose_from, at)
            reading.tagged = True
            return match.end()
        elif opening in _END_NAMES:
            reading.take_prose(prose_from, at)
            return reading.close(at)
        elif opening == "<function=":
            calls, end = _function_tag(reading, at)
        else:
            reading.problems.append(f"control token {opening} inside the completion")
            calls, end = [], match.end()
        if calls:
            reading.take_prose(prose_from, at, before_bare_call=True)
            reading.take_calls(calls, at, end)
            reading.bare = True
            prose_from = end
        at = end
    reading.take_prose(prose_from, len(text))
    return len(text)


def _bare_json(reading: Reading, at: int) -> tuple[list[ToolCall], int]:
    """The calls that stand at a brace in prose, if any, and where to read on."""
    text = reading.text
    found = read_json(text, at)
    if found.problem:
        if not looks_like_call(text, at):
            return [], min(found.end, reading.stop(at))
        reading.problems.append(f"malformed tool call: {found.problem}")
        return [], broken_end(text, at, reading.stop(at))
    if at and _is_an_argument(text, at):
        return [], found.end
    calls = calls_from_value(found.value, bare=True)
    if calls is None and _has_all_but_arguments(found.value):
        reading.problems.append("malformed tool call: the arguments are not a JSON object")
    return calls or [], found.end


def _is_an_argument(text: str, at: int) -> bool:
    """Whether `=` or `name(` stands before: what follows belongs to a call in other syntax."""
    before = at - 1
    while before >= 0 and text[before].isspace():
        before -= 1
    if before < 0:
        return False
    is_word = before > 0 and (text[before - 1].isalnum() or text[before - 1] == "_")
    return text[before] == "=" or (text[before] == "(" and is_word)


def _has_all_but_arguments(value: object) -> bool:
    # Complete JSON that is no call is prose, unless it has all that a call has but arguments
    # that are an object.
    items = value if isinstance(value, list) else [value]
    return any(
        isinstance(item, dict)
        and isinstance(item.get("name"), str)
        and ("parameters" in item or "arguments" in item)
        for item in items
    )


def _pythonic_body(reading: Reading) -> int | None:
    """Without a tag, Python syntax is a call only where it is the whole message.

    Returns:
        The position behind a tag that ends the message, or the text's end; None if this is no
        such message.
    """
    text = reading.text
    opening = _PYTHONIC.match(text) if "(" in text else None
    if opening is None:
        return None
    start = at = opening.start(1)
    found: list[tuple[list[ToolCall], int, int]] = []
    while at < len(text) and not reading.ends_at(at) and not text.startswith(PYTHON_TAG, at):
        try:
            calls, end = read_pythonic(text, at)
        except NotPythonicError as error:
            if found or not looks_like_builtin_call(text, start):
                return None
            reading.problems.append(f"malformed tool call: {error}")
            reading.take_prose(0, reading.stop(start))
            return _prose(reading, reading.stop(start))
        found.append((calls, at, end))
        at = end
        while at < len(text) and (text[at].isspace() or text[at] == ";"):
            at += 1
    for calls, begins, end in found:
        reading.take_calls(calls, begins, end)
    reading.begun = True
    return _prose(reading, at)


def _function_tag(reading: Reading, at: int) -> tuple[list[ToolCall], int]:
    """`<function=NAME>{...}</function>`, or a problem noted, and where to read on."""
    text = reading.text
    head = _FUNCTION_TAG.match(text, at)
    if head is None:
        return [], at + len("<function=")
    if not text.startswith("{", head.end()):
        reading.problems.append(f"malformed call <function={head.group(1)}>: it has no arguments")
        return [], head.end()
    found = read_json(text, head.end())
    if found.problem:
        reading.problems.append(f"malformed call <function={head.group(1)}>: {found.problem}")
        return [], broken_end(text, head.end(), reading.stop(head.end()))
    close = _CLOSE_FUNCTION.match(text, found.end)
    return [ToolCall(head.group(1), found.value)], close.end() if close else found.end


def _series(reading: Reading, at: int) -> int:
    """Read the series of calls behind a tag; the position where prose begins."""
    text = reading.text
    while True:
        if not text.startswith("{", at):
            at = _behind_separators(text, at)
            if at == len(text):
                return at
            if reading.ends_at(at):
                return reading.close(at)
        if text[at] in "{[":
            found = read_json(text, at)
            calls = None if found.problem else calls_from_value(found.value, bare=False)
            if calls is not None:
                reading.take_calls(calls, at, found.end)
                at = found.end
                continue
            if text[at] == "{" or looks_like_call(text, at):
                why = found.problem or "it has no name, or its arguments are not a JSON object"
                reading.problems.append(f"malformed tool call: {why}")
                end = broken_end(text, at, reading.stop(at)) if found.problem else found.end
                reading.take_prose(at, end)
                return end
        if text.startswith("<function=", at):
            calls, end = _function_tag(reading, at)
            if not calls:
                reading.take_prose(at, end)
                return end
            reading.take_calls(calls, at, end)
            at = end
            continue
        try:
            calls, end = read_pythonic(text, at)
        except NotPythonicError as error:
            return _no_call(reading, at, error)
        reading.take_calls(calls, at, end)
        at = end


def _behind_separators(text: str, at: int) -> int:
    """The position behind white space, semicolons and repeated tags."""
    while True:
        separators = _SEPARATORS.match(text, at)
        at = separators.end() if separators else at
        if not text.startswith(PYTHON_TAG, at):
            return at
        at += len(PYTHON_TAG)


def _no_call(reading: Reading, at: int, error: NotPythonicError) -> int:
    """What stands in a series and is no call: a broken one, code, or prose."""
    stop = reading.stop(at)
    if looks_like_builtin_call(reading.text, at):
        reading.problems.append(f"malformed tool call: {error}")
        reading.take_prose(at, stop)
        return stop
    if reading.calls or reading.problems or reading.code is not None:
        return at
    reading.code = reading.text[at:stop]
    return stop
