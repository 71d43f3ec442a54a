"""The values that a row has for the keys of a mapping, looked up and converted.

In: a row and a `RowMapping`. Out: texts, numbers, points in time, yes or no, patterns of calls, or
None where the row has none. What is of another kind is refused where the user named the column,
and passed over where it is a default one.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

from cb_datasets.records import CallPattern
from cb_datasets.sources.files.nested_json import decode_nested, looks_like_json
from cb_datasets.sources.generic.mapping import Constant, RowMapping

_YES = frozenset(
    (
        *("true", "yes", "1", "1.0", "ok", "correct", "accepted", "completed", "resolved"),
        *("success", "successful", "succeeded", "pass", "passed", "solved"),
    )
)

# Later than the year 5000 in seconds.
_MILLISECONDS = 1e11


@dataclass(frozen=True, slots=True)
class RowValues:
    """A row, read by a mapping.

    Attributes:
        row: The row.
        mapping: Where its values stand.

    Example:
        >>> from cb_datasets.sources.generic.mapping import read_mapping
        >>> columns = read_mapping({"id": "meta.run", "accepted": "reward"})
        >>> values = RowValues({"meta": '{"run": 7}', "reward": 0.5}, columns)
        >>> values.value("id"), values.name("id"), values.flag("accepted")
        (7, '7', False)
    """

    row: Mapping[str, Any]
    mapping: RowMapping

    def value(self, key: str) -> Any:
        """The value as it stands there, or None.

        Raises:
            ValueError: If the row has no such column, but one of nearly that name: a typo would
                make benign rows of attacked ones.
        """
        place = self.mapping.places[key]
        if isinstance(place, Constant):
            return place.value
        for path in place.paths:
            found = self._look_up(path, place.named)
            if found is not None:
                return found
        return None

    def string(self, key: str) -> str | None:
        """The text, blank or not.

        Raises:
            ValueError: If it is no text, and the user named the column.
        """
        return self._string(key, self.value(key))

    def text(self, key: str) -> str | None:
        """The text, None where it is blank; else like `string`."""
        return self._text(key, self.value(key))

    def name(self, key: str) -> str | None:
        """A text or a whole number, as text; else like `text`."""
        value = self.value(key)
        return str(value) if type(value) is int else self._text(key, value)

    def number(self, key: str) -> float | None:
        """A finite number; else like `text`."""
        value = self.value(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300:
            return float(value)
        self._refuse(key, value, "a number")
        return None

    def time(self, key: str) -> str | None:
        """A point in time: text as it is, seconds or milliseconds since 1970 in ISO 8601.

        Example:
            >>> from cb_datasets.sources.generic.mapping import read_mapping
            >>> RowValues({"timestamp": 1700000000}, read_mapping(None)).time("timestamp")
            '2023-11-14T22:13:20+00:00'
        """
        value = self.value(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return self._text(key, value)
        seconds = value / 1000 if abs(value) >= _MILLISECONDS else value
        try:
            return datetime.fromtimestamp(seconds, timezone.utc).isoformat()
        except (ValueError, OverflowError, OSError):
            self._refuse(key, value, "a point in time")
            return None

    def flag(self, key: str) -> bool | None:
        """Whether a value says yes: true, 1, "success" and the like; else like `text`."""
        value = self.value(key)
        if isinstance(value, (bool, int, float)):
            return value == 1
        said = self._text(key, value)
        return None if said is None else said.strip().casefold() in _YES

    def patterns(self, key: str) -> list[CallPattern]:
        """Calls: a tool's name, a list of names, or a list of `{name, arguments}`.

        Values of arguments become `{"equals": value}`, conditions stay as they are. Null arguments
        are left out: a table gives all calls of a column the arguments of each.

        Raises:
            ValueError: If they cannot be read.

        Example:
            >>> from cb_datasets.sources.generic.mapping import read_mapping
            >>> row = {"wanted": [{"name": "send", "arguments": {"to": "x@example.com"}}]}
            >>> values = RowValues(row, read_mapping({"attack": {"targets": "wanted"}}))
            >>> values.patterns("attack.targets")
            [{'name': 'send', 'arguments': {'to': {'equals': 'x@example.com'}}}]
        """
        value, label = self.value(key), self.mapping.label(key)
        if looks_like_json(value):
            value = decode_nested(value, label)
        if value is None or value == "":
            return []
        items = value if isinstance(value, list) else [value]
        return [_pattern(item, label) for item in items if item is not None]

    def _string(self, key: str, value: Any) -> str | None:
        if isinstance(value, str):
            return value
        self._refuse(key, value, "text")
        return None

    def _text(self, key: str, value: Any) -> str | None:
        said = self._string(key, value)
        return said if said and said.strip() else None

    def _refuse(self, key: str, value: Any, wanted: str) -> None:
        if value is not None and self.mapping.is_named(key):
            label = self.mapping.label(key)
            raise ValueError(f"{label} is {type(value).__name__}, expected {wanted}")

    def _look_up(self, path: str, named: bool) -> Any:
        if path in self.row:
            return self.row[path]
        if not named and "." not in path:
            return None
        try:
            return self._walk(path, named)
        except ValueError:
            # What lies in a column of another meaning may be anything.
            if named:
                raise
            return None

    def _walk(self, path: str, named: bool) -> Any:
        value: Any = self.row
        for name in path.split("."):
            if looks_like_json(value):
                value = decode_nested(value, path)
            if isinstance(value, list) and name.isascii() and name.isdigit():
                value = value[int(name)] if len(name) < 9 and int(name) < len(value) else None
            elif isinstance(value, Mapping):
                if named and name not in value:
                    self._refuse_near_miss(name, value)
                value = value.get(name)
            else:
                return None
        return value

    def _refuse_near_miss(self, name: str, members: Mapping[str, Any]) -> None:
        others = frozenset(map(str, members))
        if members is self.row:
            others -= self.mapping.columns()
        close = _near_miss(name, others)
        if close is not None:
            raise ValueError(f"there is no column {name!r}, did you mean {close!r}?")


@lru_cache(maxsize=256)
def _near_miss(name: str, others: frozenset[str]) -> str | None:
    # Rows of a file lack the same column beside the same others.
    return next(iter(difflib.get_close_matches(name, sorted(others), n=1, cutoff=0.8)), None)


def _pattern(raw: Any, label: str) -> CallPattern:
    call = raw
    if isinstance(raw, Mapping) and isinstance(raw.get("function"), Mapping):
        call = raw["function"]
    if isinstance(call, str):
        call = {"name": call}
    name = call.get("name") if isinstance(call, Mapping) else None
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"{label} holds a call without a name")
    arguments = call.get("arguments")
    if isinstance(arguments, str):
        arguments = decode_nested(arguments, label) if arguments.strip() else None
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, Mapping):
        raise ValueError(f"{label}: arguments of {name} is no object")
    conditions = {
        parameter: _condition(value, f"{label}: {parameter} of {name}")
        for parameter, value in arguments.items()
        if value is not None
    }
    return CallPattern(name=name.strip(), arguments=conditions)


def _condition(value: Any, label: str) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not value or not {"equals", "contains"}.issuperset(value):
        return {"equals": value}
    held = {kind: wanted for kind, wanted in value.items() if wanted is not None}
    if len(held) > 1:
        raise ValueError(f"{label} has two conditions, expected equals or contains")
    if not isinstance(held.get("contains", ""), str):
        raise ValueError(f"{label} contains no text")
    return held or {"equals": None}
