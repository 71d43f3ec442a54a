"""Likeness of texts in plain Python, for counts that share no code with what they check."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from math import ceil
from typing import Any


def runs(text: str) -> frozenset[str]:
    """The runs of five characters in a text, without regard to case and white space."""
    text = " ".join(text.casefold().split())
    return frozenset(text[at : at + 5] for at in range(max(len(text) - 4, 1)))


def jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    """What two sets share, of all that is in them."""
    shared = len(first & second)
    return shared / (len(first) + len(second) - shared)


def shown(messages: Iterable[Mapping[str, Any]]) -> str:
    """What others than system and model say in a dialog."""
    parts = []
    for message in messages:
        if message["role"] not in ("system", "assistant"):
            content = message["content"]
            parts.append(content if isinstance(content, str) else json.dumps(content))
    return "\n".join(parts)


def alike(
    left: Iterable[str], right: Iterable[str], threshold: float
) -> Iterator[tuple[str, str, float]]:
    """Every pair, one text of each side, that is similar; none is missed.

    Two sets of which the one shares less than `threshold` with the other cannot be similar, so
    that of each the rarest runs, as many as may be lacking and one more, must have one in common,
    and neither can be smaller than that share of the other.
    """
    sides = [{text: runs(text) for text in side} for side in (set(left), set(right))]
    common = Counter(run for side in sides for own in side.values() for run in own)

    def rarest(own: frozenset[str]) -> list[str]:
        ordered = sorted(own, key=lambda run: (common[run], run))
        return ordered[: len(own) - ceil(threshold * len(own)) + 1]

    holding: dict[str, list[str]] = defaultdict(list)
    for text, own in sides[1].items():
        for run in rarest(own):
            holding[run].append(text)
    for text, own in sides[0].items():
        for other in {other for run in rarest(own) for other in holding.get(run, ())}:
            sizes = sorted((len(own), len(sides[1][other])))
            if sizes[0] < threshold * sizes[1]:
                continue
            if (value := jaccard(own, sides[1][other])) >= threshold:
                yield text, other, value
