"""JSON text to values that a dataset can store, to the last digit.

In: text, or a value. Out: a value, or a `ValueError` with one sentence: broken JSON, or something
that a `Json()` column would silently spoil.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

MAX_DEPTH = 400

# Escapes of half a surrogate pair, which may be whole with the next, and of NUL.
_SUSPICIOUS = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")


def check_text(value: Any, text: str) -> None:
    """Refuse what cannot be stored of a value decoded from a text, looked at only if need be.

    Raises:
        ValueError: With the reason.
    """
    escaped = "\\u" in text and _SUSPICIOUS.search(text)
    if escaped or text.count("{") + text.count("[") > MAX_DEPTH:
        check_storable(value)


def check_storable(value: Any, depth: int = 0) -> None:
    """Refuse what a `Json()` column would silently spoil.

    Its codec reads no integer beyond 64 bits, turns infinity into null, and fails beyond some
    depth; the whole message then comes back as text. A NUL is no character of any message.

    Raises:
        ValueError: With the reason.
    """
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        for key, item in value.items():
            check_storable(key, depth)
            check_storable(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            check_storable(item, depth + 1)
    elif isinstance(value, str):
        if "\0" in value:
            raise ValueError("NUL character in a text")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("half a surrogate pair in a text") from None
    elif isinstance(value, float):
        if math.isnan(value):
            raise ValueError("NaN is no JSON value")
        if math.isinf(value):
            raise ValueError("infinity is no JSON value")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("an integer of more than 64 bits")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def _integer(digits: str) -> int:
    # Python refuses to read thousands of digits, in words of its own.
    value = int(digits) if len(digits) < 30 else 2**63
    if not -(2**63) <= value < 2**63:
        raise ValueError("an integer of more than 64 bits")
    return value


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number too large for a float")
    return value


DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_integer, parse_float=_float)
"""Python's decoder, without what a dataset cannot store: NaN, Infinity, numbers out of range."""

_READING_ALL = json.JSONDecoder(parse_int=lambda digits: int(digits[:30]))


def storable_at(text: str, start: int = 0) -> tuple[Any, int]:
    """The value that begins at a place in a text, and where it ends.

    Raises:
        json.JSONDecodeError: It is broken.
        RecursionError: It nests too deeply to be read.
        ValueError: It holds what cannot be stored.
    """
    value, end = DECODER.raw_decode(text, start)
    check_text(value, text[start:end])
    return value, end


def whole_at(text: str, start: int = 0) -> tuple[Any, int]:
    """Like `storable_at`, with what cannot be stored for `check_storable` to find."""
    return _READING_ALL.raw_decode(text, start)
