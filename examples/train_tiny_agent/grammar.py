"""Phrases with alternatives: `[find|look up] it` stands for two phrases, one of which is drawn.

An empty alternative is fine (`[quickly |]go`), and brackets nest. Slots like `{query}` are filled
by the caller.
"""

from __future__ import annotations

import random
import re

_INNERMOST = re.compile(r"\[([^\[\]]*)\]")


def draw(rng: random.Random, phrase: str) -> str:
    """One of the phrases that a phrase with alternatives stands for."""
    while match := _INNERMOST.search(phrase):
        chosen = rng.choice(match.group(1).split("|"))
        phrase = phrase[: match.start()] + chosen + phrase[match.end() :]
    return phrase


def sentence_case(text: str) -> str:
    """The text with a capital at its start."""
    return text[:1].upper() + text[1:]
