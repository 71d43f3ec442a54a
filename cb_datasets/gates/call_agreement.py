"""Whether the calls written down beside a completion are the calls in it.

In: the calls parsed from `assistant_raw` and the row's `tool_calls_structured`. Out: None, or one
sentence with the first difference. Values are compared as `Json()` columns keep them: those columns
write about ten digits of a float, turn NaN and infinities into null, and give objects with integers
beyond 64 bits back as text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from cb_datasets.formats.calls import ToolCall
from cb_datasets.gates.shapes import holds_wide_integers
from cb_datasets.quoting import quoted

_RELATIVE, _ABSOLUTE = 1e-9, 1e-10


def disagreement(calls: Sequence[ToolCall], structured: Any) -> str | None:
    """The first difference between parsed and structured calls, or None.

    Example:
        >>> disagreement([ToolCall("f", {"n": 1})], [{"name": "f", "arguments": {"n": 1.0}}])
        >>> disagreement([ToolCall("f", {"n": 1})], [{"name": "g", "arguments": {"n": 1}}])
        "call 1 is 'f' in assistant_raw and 'g' in tool_calls_structured"
    """
    if not isinstance(structured, (list, tuple)):
        return "tool_calls_structured is not a list"
    if len(calls) != len(structured):
        return f"assistant_raw holds {len(calls)} calls and tool_calls_structured {len(structured)}"
    for number, (call, given) in enumerate(zip(calls, structured, strict=True), start=1):
        if not isinstance(given, dict):
            return f"call {number} of tool_calls_structured is not an object"
        if call.name != given.get("name"):
            return (
                f"call {number} is {quoted(call.name)} in assistant_raw and "
                f"{quoted(given.get('name'))} in tool_calls_structured"
            )
        if not _same(call.arguments, _decoded(given.get("arguments"))):
            return f"call {number} ({quoted(call.name)}) has other arguments in assistant_raw"
    return None


def _decoded(arguments: Any) -> Any:
    return json.loads(arguments) if holds_wide_integers(arguments) else arguments


def _same(parsed: Any, given: Any) -> bool:
    if isinstance(parsed, dict):
        return (
            isinstance(given, dict)
            and parsed.keys() == given.keys()
            and all(_same(value, given[key]) for key, value in parsed.items())
        )
    if isinstance(parsed, list):
        return (
            isinstance(given, list)
            and len(parsed) == len(given)
            and all(_same(a, b) for a, b in zip(parsed, given, strict=True))
        )
    if isinstance(parsed, bool) or isinstance(given, bool):
        # In Python True == 1; in JSON they are two values.
        return parsed is given
    if isinstance(parsed, float) and not math.isfinite(parsed):
        return given is None or parsed == given
    if isinstance(parsed, float) or isinstance(given, float):
        return _close(parsed, given)
    return type(parsed) is type(given) and bool(parsed == given)


def _close(parsed: Any, given: Any) -> bool:
    if not (isinstance(parsed, (int, float)) and isinstance(given, (int, float))):
        return False
    try:
        return math.isclose(parsed, given, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
    except OverflowError:
        return False
