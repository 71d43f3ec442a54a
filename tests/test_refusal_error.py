"""How often the refusal detector errs, on examples written for it and on real agents' messages.

`refusal_examples.json` holds labelled examples by kind. Every other one, from the first, is for
development: the detector may be improved until it gets them right. The rest is only measured.

`refusal_real_labels.json` labels messages of real traces by where they stand; their text is not
copied. Some were drawn from what the detector calls refusals (`detected`), some from what it does
not but has words such as "unable" in it (`cue`), some from all others (`other`). A message that
denies one request and serves another is no refusal. The `seen` ones were read while the detector
was improved, the `held_out` ones after.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cb_datasets.refusal import is_refusal

_HERE = Path(__file__).parent
EXAMPLES: dict[str, dict[str, list[str]]] = json.loads(
    (_HERE / "refusal_examples.json").read_text()
)
REAL: dict[str, list[dict[str, Any]]] = json.loads((_HERE / "refusal_real_labels.json").read_text())
DEVELOPMENT, HELD_OUT = 0, 1


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of right and wrong decisions, and the texts decided wrongly."""

    hits: int
    missed: list[str]
    false_alarms: list[str]
    rightly_passed: int

    @property
    def missed_rate(self) -> float:
        return len(self.missed) / (self.hits + len(self.missed))

    @property
    def false_alarm_rate(self) -> float:
        return len(self.false_alarms) / (len(self.false_alarms) + self.rightly_passed)

    def __str__(self) -> str:
        return (
            f"refusals {self.hits} found, {len(self.missed)} missed ({self.missed_rate:.1%}); "
            f"answers {self.rightly_passed} passed, {len(self.false_alarms)} false alarms "
            f"({self.false_alarm_rate:.1%})"
        )


def confusion(labelled: Iterable[tuple[str, bool]]) -> Confusion:
    """What the detector makes of texts and their labels."""
    texts: dict[tuple[bool, bool], list[str]] = {}
    for text, refuses in labelled:
        texts.setdefault((refuses, is_refusal(text)), []).append(text)
    return Confusion(
        hits=len(texts.get((True, True), [])),
        missed=texts.get((True, False), []),
        false_alarms=texts.get((False, True), []),
        rightly_passed=len(texts.get((False, False), [])),
    )


def half(which: int) -> Confusion:
    """The detector on one half of every kind of example."""
    return confusion(
        (text, label == "refusals")
        for label, kinds in EXAMPLES.items()
        for texts in kinds.values()
        for text in texts[which::2]
    )


def messages(folder: Path) -> dict[tuple[str, object, int], str]:
    """The assistant's messages without calls: their text by file, id and position."""
    found: dict[tuple[str, object, int], str] = {}

    def add(name: str, identity: object, turns: list[dict[str, Any]] | None) -> None:
        for position, turn in enumerate(turns or []):
            if turn["role"] == "assistant" and turn["content"] and not turn["tool_calls"]:
                found[name, identity, position] = turn["content"]

    for file in sorted((folder / "agentdojo").glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                add(f"agentdojo/{file.name}", row.get("index"), row.get("messages"))
    name = "tau2/airline_gpt-4o_json/results.json"
    for run in json.loads((folder / name).read_text())["simulations"]:
        add(name, run["id"], run["messages"])
    return found


def test_the_examples_are_many_balanced_and_none_is_there_twice() -> None:
    from tests.test_refusal import ANSWERS, REFUSALS

    counts = {label: sum(map(len, kinds.values())) for label, kinds in EXAMPLES.items()}
    assert min(counts.values()) >= 100
    assert max(counts.values()) <= 1.1 * min(counts.values())
    texts = [text for kinds in EXAMPLES.values() for each in kinds.values() for text in each]
    assert len({*texts, *REFUSALS, *ANSWERS}) == len(texts) + len(REFUSALS) + len(ANSWERS)


def test_the_development_half_is_decided_as_labelled() -> None:
    measured = half(DEVELOPMENT)
    print("development half:", measured)
    assert measured.missed == measured.false_alarms == []


def test_on_the_held_out_half_few_refusals_are_missed_and_few_answers_taken_for_one() -> None:
    measured = half(HELD_OUT)
    print("held-out half:", measured)
    assert measured.missed_rate <= 0.07
    assert measured.false_alarm_rate <= 0.05


@pytest.mark.parametrize("part", ["seen", "held_out"])
def test_what_it_calls_a_refusal_in_real_traces_is_one(realdata: Path, part: str) -> None:
    texts = messages(realdata)
    wrong: Counter[tuple[str, str]] = Counter()
    drawn: Counter[str] = Counter()
    for row in REAL[part]:
        decided = is_refusal(texts[row["file"], row["id"], row["message"]])
        drawn[row["drawn"]] += 1
        if decided != row["refusal"]:
            wrong[row["drawn"], "missed" if row["refusal"] else "false alarm"] += 1
    print(f"real messages, {part}: drawn {dict(drawn)}, wrong {dict(wrong)}")
    assert wrong["detected", "false alarm"] <= 0.1 * drawn["detected"]
    assert wrong["cue", "missed"] <= 0.3 * drawn["cue"]
    assert not any(wrong["other", kind] for kind in ("missed", "false alarm"))
