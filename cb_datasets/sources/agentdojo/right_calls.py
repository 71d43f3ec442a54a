"""From a user task's own solution to the patterns of its right calls.

In: the calls of a ground truth. Out: patterns that hold to what names a thing and has one right
value. Free text (subjects, bodies, queries), times and places to save to have many right spellings
and are left open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_EQUAL = frozenset(
    (
        *("recipient", "amount", "id", "file_path", "password", "street", "user", "user_email"),
        *("city", "departure_city", "arrival_city", "hotel", "hotel_name", "restaurant"),
        *("company", "file_id", "email_id", "event_id", "email", "day", "product_id"),
        *("repo_name", "username", "order_id"),
    )
)
# Where models write more than the bare value: https://..., #general, a time of day.
_PART = frozenset(("url", "channel", "start_day", "end_day", "filename"))
_ITEM = frozenset(("recipients", "participants"))

_SCHEME = re.compile(r"^https?://")
# Where a solution names what nobody can know beforehand it says so in words.
_UNKNOWN = re.compile(r"^(ID\d*|file_id|last-order-id)$")


def right_call(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The pattern of a right call, as facts hold it.

    Example:
        >>> right_call("browse", {"url": "https://a.org", "note": "x"})
        {'name': 'browse', 'arguments': {'url': {'contains': 'a.org'}}}
    """
    conditions: dict[str, Any] = {}
    for parameter, value in arguments.items():
        if isinstance(value, str) and _UNKNOWN.match(value):
            continue
        if parameter in _EQUAL:
            conditions[parameter] = {"equals": value}
        elif parameter in _PART:
            conditions[parameter] = {"contains": _SCHEME.sub("", value)}
        elif parameter in _ITEM and value:
            conditions[parameter] = {"contains": value[0]}
    return {"name": name, "arguments": conditions}
