"""From the raw text of a completion to its prose, its tool calls, its end token and its problems.

All three dialects of Llama 3.1 are read: canonical (`<|python_tag|>` + JSON), bare JSON, and the
others (built-in tools, Pythonic calls, `<function=NAME>`, code). The reader goes through the text
once, never raises, never evaluates, and never makes up a call from a part of one.
"""

from __future__ import annotations

import re
from contextlib import suppress

from cb_datasets.formats.calls import ToolCall
from cb_datasets.formats.json_calls import broken_end, calls_from_value, looks_like_call, read_json
from cb_datasets.formats.llama31.reading import CODE_FENCE, Reading
from cb_datasets.formats.llama31.tokens import MARKS, Marks
from cb_datasets.formats.llama31.untagged import Piece, made
from cb_datasets.formats.pythonic import NotPythonicError, looks_like_builtin_call, read_pythonic
from cb_datasets.formats.tool_names import Tools, offered_names, on_offer

_NONE: frozenset[str] = frozenset()
_SEPARATORS = re.compile(r"[\s;]*")
_FUNCTION_TAG = re.compile(r"<function=([^<>\s]{1,256})>\s*")
_CLOSE_FUNCTION = re.compile(r"\s*</function>")
# What a call behind the text of a series begins with.
_NEXT_CALL = re.compile(r"\s*[{\[]")
_PYTHONIC = re.compile(r"\s*(\[?\s*[A-Za-z_][\w.\-]*\s*\()")


def spoken_calls(text: str) -> list[Piece]:
    """What reads as a call in prose, or as a broken one, wherever it stands.

    Args:
        text: Prose, as in `ParsedCompletion.content`: what of a completion is no call.

    Example:
        >>> [piece] = spoken_calls('I was told to run {"name": "f", "parameters": {}} and did not.')
        >>> piece.calls
        [ToolCall(name='f', arguments={})]
    """
    reading, at = Reading(text), 0
    found: list[Piece] = []
    while match := MARKS.opening.search(text, at):
        opening, at = match.group(), match.end()
        if opening in "{[" or opening == "<function=":
            read = _bare_json if opening in "{[" else _function_tag
            piece = read(reading, match.start())
            if piece.calls or piece.problem:
                found.append(piece)
            at = max(at, piece.end)
    if not found and "(" in text:
        with suppress(NotPythonicError):
            calls, end = read_pythonic(CODE_FENCE.sub("", text))
            found.append(Piece(0, end, calls))
    return found


def read_completion(text: str, tools: Tools | None = None, marks: Marks = MARKS) -> Reading:
    """Read a completion of Llama 3.1, or of a family with other control tokens, and its places.

    A call behind `<|python_tag|>` is a call, whatever stands around it. Without the tag it is one
    where it stands on lines of its own (or beside whole sentences) and the message begins or ends
    with it; within a sentence, in the midst of prose, beside a refusal, or where no such tool is
    on offer, it is quoted, and stays in the prose.

    The format is that of Meta's model card and prompt guide for Llama 3.1; the rules for mixed
    and malformed output are those of this library's documentation.
    """
    reading = Reading(text, offered_names(tools) if tools else _NONE, marks)
    if text.startswith(marks.tag):
        reading.tagged = reading.begun = True
        at = len(marks.tag)
    else:
        at = _pythonic_body(reading) or _prose(reading, 0)
    while at < len(text):
        at = _prose(reading, _series(reading, at))
    return reading


def call_of_llama31(content: str, tools: Tools | None) -> list[str]:
    """What is wrong with prose of another format in which a call stands as Llama 3.1 writes it.

    Nothing that serves the other format would make that call.
    """
    found = read_completion(content, tools).calls
    return ["the call is written as Llama 3.1 writes calls"] if found else []


def _prose(reading: Reading, at: int) -> int:
    """Read prose with bare calls in it; the position behind the next tag, or the text's end."""
    text, marks, start = reading.text, reading.marks, at
    pieces: list[Piece] = []
    while match := marks.opening.search(text, at):
        opening, at = match.group(), match.start()
        if opening in "{[":
            piece = _bare_json(reading, at)
            if piece.calls and not pieces and _is_the_message(reading, start, piece):
                _take_bare(reading, start, piece)
                start = at = piece.end
                continue
        elif opening == "<function=":
            piece = _function_tag(reading, at)
            if piece.calls and not pieces:
                _take_bare(reading, start, piece)
                start = at = piece.end
                continue
        elif opening == marks.tag or opening in marks.end_names:
            _take_stretch(reading, start, at, pieces)
            if opening != marks.tag:
                return reading.close(at)
            reading.tagged = True
            return match.end()
        elif opening == marks.close and reading.tagged:
            _take_stretch(reading, start, at, pieces)
            pieces, start, at = [], match.end(), match.end()
            continue
        else:
            problem = f"control token {opening} inside the completion"
            piece = Piece(at, match.end(), [], problem, tagged=True)
        if piece.calls or piece.problem:
            pieces.append(piece)
        at = piece.end
    _take_stretch(reading, start, len(text), pieces)
    return len(text)


def _take_stretch(reading: Reading, start: int, stop: int, pieces: list[Piece]) -> None:
    """Prose from `start` to `stop`, and the calls in it that are made."""
    if pieces:
        stands = made(reading.text, start, stop, pieces, reading.offered)
        for piece, is_made in zip(pieces, stands, strict=True):
            if is_made and piece.problem:
                reading.problems.append(piece.problem)
            elif is_made:
                _take_bare(reading, start, piece)
                start = piece.end
    reading.take_prose(start, stop)


def _take_bare(reading: Reading, start: int, piece: Piece) -> None:
    reading.take_prose(start, piece.start, before_bare_call=True)
    reading.take_calls(piece.calls, piece.start, piece.end)
    reading.bare = True


def _is_the_message(reading: Reading, start: int, piece: Piece) -> bool:
    """Whether nothing stands beside a call: most have it so, and there is nothing to weigh."""
    text, offered = reading.text, reading.offered
    return (
        (piece.end == len(text) or reading.ends_at(piece.end))
        and (start == piece.start or text[start : piece.start].isspace())
        and (not offered or all(call.name in offered for call in piece.calls))
    )


def _bare_json(reading: Reading, at: int) -> Piece:
    """What stands at a brace in prose: calls, a broken call, or neither."""
    text = reading.text
    found = read_json(text, at)
    if found.problem:
        if not looks_like_call(text, at):
            return Piece(at, min(found.end, reading.stop(at)), [])
        end = broken_end(text, at, reading.stop(at))
        return Piece(at, end, [], f"malformed tool call: {found.problem}")
    if at and _is_an_argument(text, at):
        return Piece(at, found.end, [])
    calls = calls_from_value(found.value, bare=True)
    problem = None
    if calls is None and _has_all_but_arguments(found.value):
        problem = "malformed tool call: the arguments are not a JSON object"
    return Piece(at, found.end, calls or [], problem)


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
    while at < len(text) and not reading.ends_at(at) and not text.startswith(reading.marks.tag, at):
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
    names = [call.name for calls, _, _ in found for call in calls]
    known = looks_like_builtin_call(text, start) or all(on_offer(n, reading.offered) for n in names)
    if not known:
        return None
    for calls, begins, end in found:
        reading.take_calls(calls, begins, end)
    reading.begun = True
    return _prose(reading, at)


def _function_tag(reading: Reading, at: int) -> Piece:
    """`<function=NAME>{...}</function>`, complete or broken, and where to read on."""
    text = reading.text
    head = _FUNCTION_TAG.match(text, at)
    if head is None:
        return Piece(at, at + len("<function="), [])
    what = f"malformed call <function={head.group(1)}>"
    if not text.startswith("{", head.end()):
        return Piece(at, head.end(), [], f"{what}: it has no arguments", tagged=True)
    found = read_json(text, head.end())
    if found.problem:
        end = broken_end(text, head.end(), reading.stop(head.end()))
        return Piece(at, end, [], f"{what}: {found.problem}", tagged=True)
    close = _CLOSE_FUNCTION.match(text, found.end)
    end = close.end() if close else found.end
    return Piece(at, end, [ToolCall(head.group(1), found.value)], tagged=True)


def _series(reading: Reading, at: int) -> int:
    """Read the series of calls behind a tag; the position where prose begins."""
    text = reading.text
    while True:
        if not text.startswith("{", at):
            at = _behind_separators(reading, at)
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
            piece = _function_tag(reading, at)
            if not piece.calls:
                if piece.problem:
                    reading.problems.append(piece.problem)
                reading.take_prose(at, piece.end)
                return piece.end
            reading.take_calls(piece.calls, at, piece.end)
            at = piece.end
            continue
        try:
            calls, end = read_pythonic(text, at)
        except NotPythonicError as error:
            return _no_call(reading, at, error)
        reading.take_calls(calls, at, end)
        at = end


def _behind_separators(reading: Reading, at: int) -> int:
    """The position behind white space, semicolons and repeated tags."""
    text, beside = reading.text, reading.marks.beside
    while True:
        separators = _SEPARATORS.match(text, at)
        at = separators.end() if separators else at
        tag = next((tag for tag in beside if text.startswith(tag, at)), None)
        if tag is None:
            return at
        at += len(tag)


def _no_call(reading: Reading, at: int, error: NotPythonicError) -> int:
    """What stands in a series and is no call: a broken one, code, or prose."""
    stop = reading.stop(at)
    if looks_like_builtin_call(reading.text, at):
        reading.problems.append(f"malformed tool call: {error}")
        reading.take_prose(at, stop)
        return stop
    if reading.calls or reading.problems or reading.code is not None:
        return at
    close = reading.marks.close
    closed = close is not None and reading.text.startswith(close, stop)
    if close and closed and _NEXT_CALL.match(reading.text, stop + len(close)):
        # Llama 4's template writes what is said beside calls between the tags.
        reading.take_prose(at, stop)
        return stop
    reading.code = reading.text[at:stop]
    return stop
