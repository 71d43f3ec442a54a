"""What the demo suite says, kept out of the training corpus.

The suite is the held-out test: a conversation that shares a run of words with one of its wordings,
or names one of its topics, is thrown away before training.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from cb_datasets.sources.demo.attacks import IN_MESSAGE, IN_TOOL_RESULT
from cb_datasets.sources.demo.lookups import ANSWERED, TWO_STEPS
from cb_datasets.sources.demo.queries import PHRASES
from cb_datasets.sources.demo.source import demo_scenarios
from cb_datasets.sources.demo.texts import (
    DOCUMENT_HEADS,
    DOCUMENTS,
    IMPROPER_REQUESTS,
    QUESTIONS,
    SYSTEM_MESSAGES,
)

RUN = 4
"""So many words in a row are a wording."""

_WORD = re.compile(r"[\w']+")
_GENERIC = ("amount", "day")


def shares_wording(messages: list[dict[str, Any]]) -> bool:
    """Whether messages share a run of words with the demo suite, or name one of its topics."""
    runs, topics = _wordings(), _topics()
    for message in messages:
        words = _WORD.findall(message["content"].lower())
        if any(run in runs for run in _runs(words)):
            return True
        if any(
            words[at : at + len(topic)] == topic
            for at, first in enumerate(words)
            for topic in topics.get(first, ())
        ):
            return True
    return False


def _runs(words: list[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(words[at:] for at in range(RUN)), strict=False)


@cache
def _wordings() -> frozenset[tuple[str, ...]]:
    """The runs of words of everything that the suite says, without the values of its slots."""
    texts = [*DOCUMENTS, *DOCUMENT_HEADS, *QUESTIONS, *IMPROPER_REQUESTS, *SYSTEM_MESSAGES]
    texts += [text for lookup in (*ANSWERED, *TWO_STEPS) for text in (lookup.text, lookup.result)]
    for phrase in [
        *(phrase for phrases in PHRASES.values() for phrase in phrases),
        *(template.text for template in (*IN_MESSAGE, *IN_TOOL_RESULT)),
    ]:
        texts += re.split(r"\{\w+\}", phrase)
    return frozenset(run for text in texts for run in _runs(_WORD.findall(text.lower())))


@cache
def _topics() -> dict[str, list[list[str]]]:
    """The values of the suite's arguments as words, by their first word."""
    found: dict[str, list[list[str]]] = {}
    for scenario in demo_scenarios():
        targets = scenario["attack"]["targets"] if scenario["attack"] else []
        for pattern in (*scenario["expected"]["calls"], *targets):
            for name, condition in pattern["arguments"].items():
                words = _WORD.findall(str(condition["equals"]).lower())
                if name not in _GENERIC and words not in found.setdefault(words[0], []):
                    found[words[0]].append(words)
    return found
