"""Calls in JSON: from a position in a text to the JSON value there, and from a value to a call."""

from __future__ import annotations

import json
import math
import re
from functools import lru_cache
from typing import Any, NamedTuple

from cb_datasets.errors import FormatError
from cb_datasets.formats.calls import ToolCall

MAX_DEPTH = 128
"""Objects and lists nested deeper than this are no arguments: every reader after this one (the
judge, `Json()` columns) walks them with a stack of its own."""

_LOOKS_LIKE_CALL = re.compile(r'(?:\[\s*)?\{\s*"(?:id|name|type|function|parameters|arguments)"')
# A quote without its partner takes all that follows, so that each character is read once.
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}\[\]]', re.DOTALL)


class _NotJsonError(Exception):
    pass


def _reject_constant(constant: str) -> Any:
    raise _NotJsonError(constant)


def _finite(literal: str) -> float:
    number = float(literal)
    if math.isinf(number):
        raise _NotJsonError(literal)
    return number


# Not strict: a raw newline in a string is the model's data.
_DECODER = json.JSONDecoder(parse_constant=_reject_constant, parse_float=_finite, strict=False)
_LENIENT = json.JSONDecoder(strict=False)

# A JSONDecodeError counts the lines of the document up to the error, so that decoding at each
# brace of a long text would take quadratic time. A window that grows keeps each try short.
_FIRST_WINDOW = 1024
_LONGEST_LITERAL = 16


class JsonAt(NamedTuple):
    """What stands at a position: a value up to `end`, or a `problem` noticed at `end`."""

    value: Any
    end: int
    problem: str | None = None


def read_json(text: str, start: int) -> JsonAt:
    """The JSON value that starts at `start`.

    A value that does not close is a problem; `end` is then how far the reader got. Scanning goes
    on from there or from `broken_end`, never back inside, so that the time stays linear.
    """
    window = _FIRST_WINDOW
    decoder, constant = _DECODER, None
    while True:
        if len(text) <= _FIRST_WINDOW:
            part, shift = text, 0
        else:
            part, shift = text[start : start + window], start
        whole = shift + len(part) == len(text)
        try:
            value, end = decoder.raw_decode(part, start - shift)
            break
        except json.JSONDecodeError as error:
            unterminated = error.msg.startswith("Unterminated string")
            if not whole and (unterminated or error.pos > len(part) - _LONGEST_LITERAL):
                window *= 16
                continue
            at = max(shift + error.pos, start + 1)
            return JsonAt(
                None,
                len(text) if unterminated else at,
                f"{error.msg.removesuffix(' at')} at character {shift + error.pos}",
            )
        except _NotJsonError as found:
            # Read on without regard to it, to know where the value ends.
            decoder, constant = _LENIENT, str(found)
        except RecursionError:
            return JsonAt(None, len(text), "JSON is nested too deeply")
        except ValueError:
            return JsonAt(None, len(text), "a number has too many digits")
    end += shift
    if constant is not None:
        return JsonAt(None, end, f"{constant[:40]} is no JSON number")
    if end - start > MAX_DEPTH and deeper_than(MAX_DEPTH, value, text[start:end]):
        return JsonAt(None, end, "JSON is nested too deeply")
    # A lone surrogate cannot be written as UTF-8: no file or engine could hold the call.
    if "\\u" in part and not _encodable(value):
        return JsonAt(None, end, "a string holds half a surrogate pair")
    return JsonAt(value, end)


def deeper_than(limit: int, value: Any, text: str) -> bool:
    """Whether a value, written as `text`, nests objects and lists deeper than `limit`."""
    if text.count("{") + text.count("[") <= limit:
        return False
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for item in level
            if isinstance(item, (dict, list))
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return any(isinstance(item, (dict, list)) for item in level)


def broken_end(text: str, start: int, limit: int) -> int:
    """Where a broken object or list that starts at `start` ends, by its brackets, or `limit`.

    What stands inside is part of something broken, and no call.
    """
    depth = 0
    for match in _BRACKETS.finditer(text, start, limit):
        if match.group() in ("{", "["):
            depth += 1
        elif match.group() in ("}", "]"):
            depth -= 1
            if depth == 0:
                return match.end()
    return limit


def _encodable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def looks_like_call(text: str, start: int) -> bool:
    """Whether the text at `start` opens the way a call object, or a list of them, does."""
    return _LOOKS_LIKE_CALL.match(text, start) is not None


def call_from_object(value: Any, *, bare: bool) -> ToolCall | None:
    """The call that a JSON object stands for, or None.

    Args:
        value: A decoded JSON value.
        bare: The object has no `<|python_tag|>` in front: it is a call only with `parameters` or
            `arguments`, or with `"type": "function"`.
    """
    if not isinstance(value, dict):
        return None
    typed = value.get("type") == "function"
    if "function" in value and holds_function(value):
        value = value["function"]
    name = value.get("name")
    if not isinstance(name, str) or not name:
        return None
    for key in ("parameters", "arguments"):
        if key in value:
            arguments = value[key]
            if not isinstance(arguments, dict):
                arguments = _arguments(arguments)
            return None if arguments is None else ToolCall(name, arguments)
    return None if bare and not typed else ToolCall(name, {})


def holds_function(value: dict[str, Any]) -> bool:
    """Whether name and arguments stand in the object's `function`, and not in itself."""
    if not isinstance(value.get("function"), dict):
        return False
    return value.get("type") == "function" or "id" in value or "name" not in value


def _arguments(value: Any) -> dict[str, Any] | None:
    if value is None:
        return {}
    if isinstance(value, str):
        read = read_json(value, len(value) - len(value.lstrip())) if value.strip() else None
        if read is None or read.problem or value[read.end :].strip():
            return None
        value = read.value
    return value if isinstance(value, dict) else None


def calls_from_value(value: Any, *, bare: bool) -> list[ToolCall] | None:
    """The calls that a JSON value stands for: an object, or a list of nothing but such objects."""
    if not isinstance(value, list):
        call = call_from_object(value, bare=bare)
        return None if call is None else [call]
    calls = [call_from_object(item, bare=bare) for item in value]
    found = [call for call in calls if call is not None]
    return found if found and len(found) == len(calls) else None


def call_json(call: ToolCall, *, arguments: str, control_tokens: tuple[str, ...]) -> str:
    """One call as JSON: `{"name": …, "parameters": {…}}`.

    Args:
        call: The call.
        arguments: What the key of its arguments is called.
        control_tokens: As for `arguments_json`.

    Raises:
        FormatError: It cannot be written as JSON.
    """
    return _json(call, {"name": call.name, arguments: call.arguments}, control_tokens)


def arguments_json(call: ToolCall, control_tokens: tuple[str, ...]) -> str:
    """The arguments of a call as JSON.

    A control token inside a string is written with its first character escaped, so that the text
    of a call never holds one and reads back to the same value.

    Args:
        call: The call.
        control_tokens: Those that it may not hold.

    Raises:
        FormatError: They cannot be written as JSON.
    """
    return _json(call, call.arguments, control_tokens)


def _json(call: ToolCall, value: dict[str, Any], control_tokens: tuple[str, ...]) -> str:
    if not call.name:
        raise FormatError("a call has no name")
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except UnicodeEncodeError as error:
        raise FormatError(f"call {call.name!r} holds half a surrogate pair") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise FormatError(f"call {call.name!r} cannot be written as JSON: {error}") from error
    if deeper_than(MAX_DEPTH - 1, call.arguments, text):
        raise FormatError(f"call {call.name!r} nests its arguments too deeply")
    return any_of(control_tokens).sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    token = match.group()
    return f"\\u{ord(token[0]):04x}{token[1:]}"


@lru_cache(maxsize=16)
def any_of(tokens: tuple[str, ...]) -> re.Pattern[str]:
    """A pattern that finds each of some tokens."""
    return re.compile("|".join(map(re.escape, tokens)))
