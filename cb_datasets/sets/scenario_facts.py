"""What of a scenario decides whether another is its duplicate, and on which side of a split it is.

In: scenarios as a `Dataset`, read in one pass and never held. Out: their texts, and numbers that
are equal where what they stand for is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cb_datasets.prompt_text import first_request, prompt_text, unattacked
from cb_datasets.records import Scenario
from cb_datasets.schema import json_object
from cb_datasets.sets.attacked_trace import trace_gives_in

if TYPE_CHECKING:
    from datasets import Dataset

COLUMNS = (
    "source",
    "group",
    "messages",
    "tools",
    "expected",
    "attack",
    "twin_id",
    "recorded",
    "set_aside",
)

_NUMBER = re.compile(r"\d+")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class ScenarioFacts:
    """A scenario, as far as duplicates and splits are concerned.

    Attributes:
        telling: What it is about, part by part (`telling_texts`).
        text: What the model is shown by others: user messages and tool results.
        exact: Equal for scenarios that would give the same rows.
        query: Equal for scenarios that begin with the same request, attack or none; 0 where it is
            too short to tell.
        label: Equal for scenarios that are judged alike, on the same model's behaviour, at the
            same turn, and whose texts hold the same numbers.
    """

    source: str
    group: str
    text: str
    exact: int
    query: int
    label: int
    category: str | None
    template: str | None
    location: str | None
    behavior: str
    twin_id: str | None
    set_aside: bool
    telling: tuple[str, ...]


def scenario_facts(scenarios: Dataset, batch_size: int = 1000) -> Iterator[list[ScenarioFacts]]:
    """The facts of all scenarios, in their order, batch by batch."""
    tables = scenarios.with_format("arrow", columns=list(COLUMNS))
    for table in tables.iter(batch_size=batch_size):
        yield [_facts(row) for row in table.to_pylist()]


def telling_texts(scenario: Scenario) -> tuple[str, ...]:
    """What a scenario is about, part by part: the request, the injection, what was said and called.

    Long documents make prompts alike; in near duplicates each of these is alike too.
    """
    attack, recorded = scenario["attack"], scenario["recorded"]
    asked = [
        unattacked(message["content"], attack)
        for message in map(json_object, scenario["messages"])
        if message.get("role") == "user" and isinstance(message.get("content"), str)
    ]
    told = ("\n".join(asked), attack["injection"] if attack else "")
    if recorded is None:
        return (*told, "", "", "[]")
    calls = [
        {"name": call["name"], "arguments": json_object(call["arguments"])}
        for call in recorded["calls"] or []
    ]
    return (*told, recorded["content"] or "", recorded["raw"] or "", json.dumps(calls))


def differing_words(first: str, second: str) -> int:
    """How many words one text has and the other has not, in both directions.

    Example:
        >>> differing_words("Send it to Ann, please.", "send it to Bob please")
        2
    """
    one, two = (Counter(_WORD.findall(text.casefold())) for text in (first, second))
    return (one - two).total() + (two - one).total()


def numbers_of(text: str) -> list[str]:
    """The numbers in a text: amounts, dates and ids, which make two orders two.

    Example:
        >>> numbers_of("Send 20 to account 7, twice.")
        ['20', '7']
    """
    return _NUMBER.findall(text)


def _facts(row: Scenario) -> ScenarioFacts:
    attack, recorded, expected = row["attack"], row["recorded"], row["expected"]
    targets = attack["targets"] if attack else None
    judged = [row["tools"], expected, attack is None, targets]
    said = None
    if recorded is not None:
        said = [recorded[name] for name in ("content", "calls", "raw")]
    text = prompt_text(row)
    orders = [judged, recorded and recorded["model"], recorded is None, numbers_of(text)]
    return ScenarioFacts(
        source=row["source"],
        group=row["group"],
        text=text,
        exact=_number([row["messages"], judged, said, _gives_in_later(row)]),
        query=_query(row),
        label=_number([*orders, len(row["messages"])]),
        category=attack["category"] if attack else None,
        template=attack["template"] if attack else None,
        location=attack["location"] if attack else None,
        behavior=expected["behavior"],
        twin_id=row["twin_id"],
        set_aside=row["set_aside"] is not None,
        telling=telling_texts(row),
    )


def _query(row: Scenario) -> int:
    """The first user message without the attack in it, as a number."""
    asked = first_request(row)
    return _number(asked) if asked else 0


def _gives_in_later(row: Scenario) -> bool:
    attack, recorded = row["attack"], row["recorded"]
    if not (attack and recorded and recorded["later_calls"]):
        return False
    return trace_gives_in(row) is not None


def _number(value: Any) -> int:
    digest = hashlib.blake2b(repr(value).encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
