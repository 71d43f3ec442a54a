"""Calls in Python syntax, read without Python: `f(a=1)`, `f.call(a="x")`, `[f(a=1), g()]`.

Only keyword arguments with literal values make a call; anything else is code, not a call. The
reader is a small recursive descent over literals with a depth limit: nothing is evaluated, and
hostile input costs time linear in its length.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

from cb_datasets.formats.calls import ToolCall

_MAX_DEPTH = 64
_SPACE = re.compile(r"\s*")
_HEAD = re.compile(r"([A-Za-z_][\w\-]*(?:\.[A-Za-z_][\w\-]*)*)\s*\(")
_KEYWORD = re.compile(r"([A-Za-z_]\w*)\s*=(?!=)\s*")
_STRING = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"", re.DOTALL)
_NUMBER = re.compile(r"-?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?(?![\w.])")
_CONSTANTS = {
    "True": True,
    "False": False,
    "None": None,
    "true": True,
    "false": False,
    "null": None,
}
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|(.))", re.DOTALL
)
_ESCAPED = {
    "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "a": "\a", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "\n": "",
}  # fmt: skip
_CONSTANT = re.compile(r"(?:True|False|None|true|false|null)\b")


class NotPythonicError(ValueError):
    """The text is not a call with literal keyword arguments."""


@dataclass
class _Reader:
    text: str
    at: int
    names: list[tuple[int, int]] = field(default_factory=list)

    def skip_space(self) -> None:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def take(self, character: str) -> bool:
        self.skip_space()
        if self.text.startswith(character, self.at):
            self.at += len(character)
            return True
        return False

    def need(self, character: str) -> None:
        if not self.take(character):
            raise NotPythonicError(f"expected {character!r} at character {self.at}")

    def string(self) -> str | None:
        match = _STRING.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        text = match.group()[1:-1]
        return _unescaped(text) if "\\" in text else text

    def value(self, depth: int = 0) -> Any:
        if depth > _MAX_DEPTH:
            raise NotPythonicError(f"values nested deeper than {_MAX_DEPTH}")
        self.skip_space()
        if (text := self.string()) is not None:
            return text
        if match := _CONSTANT.match(self.text, self.at):
            self.at = match.end()
            return _CONSTANTS[match.group()]
        if match := _NUMBER.match(self.text, self.at):
            self.at = match.end()
            literal = match.group()
            try:
                number = float(literal) if re.search(r"[.eE]", literal) else int(literal)
            except ValueError as error:
                raise NotPythonicError("a number has too many digits") from error
            if isinstance(number, float) and math.isinf(number):
                raise NotPythonicError(f"{literal[:40]} is too large a number")
            return number
        if self.take("["):
            return self.items("]", depth)
        if self.take("("):
            return self.items(")", depth)
        if self.take("{"):
            return self.mapping(depth)
        raise NotPythonicError(f"expected a literal value at character {self.at}")

    def items(self, closing: str, depth: int) -> list[Any]:
        found: list[Any] = []
        while not self.take(closing):
            if found:
                self.need(",")
                if self.take(closing):
                    break
            found.append(self.value(depth + 1))
        return found

    def mapping(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not self.take("}"):
            if found:
                self.need(",")
                if self.take("}"):
                    break
            self.skip_space()
            key = self.string()
            if key is None:
                raise NotPythonicError(f"expected a string key at character {self.at}")
            self.need(":")
            found[key] = self.value(depth + 1)
        return found

    def call(self) -> ToolCall:
        self.skip_space()
        head = _HEAD.match(self.text, self.at)
        if head is None:
            raise NotPythonicError(f"expected a call at character {self.at}")
        self.at = head.end()
        name = head.group(1).removesuffix(".call")
        self.names.append((head.start(), head.start() + len(name)))
        arguments: dict[str, Any] = {}
        while not self.take(")"):
            if arguments:
                self.need(",")
                if self.take(")"):
                    break
            self.skip_space()
            keyword = _KEYWORD.match(self.text, self.at)
            if keyword is None:
                raise NotPythonicError(f"expected a keyword argument at character {self.at}")
            self.at = keyword.end()
            if keyword.group(1) in arguments:
                raise NotPythonicError(f"argument {keyword.group(1)!r} is given twice")
            arguments[keyword.group(1)] = self.value()
        return ToolCall(name, arguments)


def _unescaped(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        x, u, wide, octal, other = match.groups()
        if other is not None:
            # Python keeps the backslash of an escape that it does not know.
            return _ESCAPED.get(other, "\\" + other)
        return chr(int(octal, 8) if octal else int(x or u or wide, 16))

    try:
        # Two halves of a surrogate pair, written one by one as in JSON, are one character.
        value = _ESCAPE.sub(character, text)
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except (ValueError, OverflowError) as error:
        raise NotPythonicError("a string holds an escape that is no character") from error


def read_pythonic(text: str, start: int = 0) -> tuple[list[ToolCall], int]:
    """Read one call, or a bracketed list of calls, that starts at `start`.

    Returns:
        The calls, and the position behind them.

    Raises:
        NotPythonicError: If there is no such call.

    Example:
        >>> read_pythonic("[search_web(query='tea'), clock()]")[0]  # doctest: +NORMALIZE_WHITESPACE
        [ToolCall(name='search_web', arguments={'query': 'tea'}),
         ToolCall(name='clock', arguments={})]
    """
    reader = _Reader(text, start)
    return _calls(reader), reader.at


def call_name_spans(text: str, start: int) -> list[tuple[int, int]]:
    """Where the names of the calls stand that `read_pythonic` reads at `start`.

    Example:
        >>> call_name_spans("[f(a=1), brave_search.call(query='tea')]", 0)
        [(1, 2), (9, 21)]
    """
    reader = _Reader(text, start)
    _calls(reader)
    return reader.names


def _calls(reader: _Reader) -> list[ToolCall]:
    if not reader.take("["):
        return [reader.call()]
    calls = [reader.call()]
    while not reader.take("]"):
        reader.need(",")
        calls.append(reader.call())
    return calls


def looks_like_builtin_call(text: str, start: int) -> bool:
    """Whether `NAME.call(` stands at `start`: the built-in tool form, complete or not."""
    head = _HEAD.match(text, start)
    return head is not None and head.group(1).endswith(".call")
