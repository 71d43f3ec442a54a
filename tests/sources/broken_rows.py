"""Rows that are broken somewhere, at any depth."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st


def broken_at(row: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy of a row with another value at a place."""
    row = copy.deepcopy(row)
    spot: Any = row
    for step in path[:-1]:
        spot = spot[step]
    spot[path[-1]] = value
    return row


def broken_anywhere(
    row: dict[str, Any], junk: st.SearchStrategy[Any], data: st.DataObject
) -> dict[str, Any]:
    """A copy of a row with junk at up to three places."""
    row = copy.deepcopy(row)
    for _ in range(data.draw(st.integers(1, 3))):
        spot: Any = row
        while keys := list(spot) if isinstance(spot, dict) else list(range(len(spot))):
            key = data.draw(st.sampled_from(keys))
            if isinstance(spot[key], (dict, list)) and data.draw(st.booleans()):
                spot = spot[key]
                continue
            spot[key] = copy.deepcopy(data.draw(junk))
            break
    return row
