"""The attack that a row of messages tells of, and where it came into view.

In: the values of a row and its conversation. Out: the attack as it stands in the messages, the
position of the message that shows it, and why nothing can be told of it, if that is so.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cb_datasets.records import Attack, CallPattern
from cb_datasets.sources.generic.mapping import RowMapping
from cb_datasets.sources.generic.row_values import RowValues
from cb_datasets.sources.messages.injected_text import find_injection

_NOT_IN_VIEW = "injection_not_in_view: No user message or tool result shows the injection."
_NO_INJECTION = "no_injection: The row names the attacker's targets and no injection."
_NO_TARGET = "no_target: Nothing says which call the attacker wants; map attack.targets."
_NOT_CLEAN = "nothing_injected: What is said to be the clean message holds the attack."


@dataclass(frozen=True, slots=True)
class AttackInView:
    """An attack, and where it stands.

    Attributes:
        attack: The attack; its injection is empty where only the attacker's targets are known.
        view: Position of the message that brought it into view; -1 for the start.
        unfit: Why nothing can be told of it, if it cannot.
    """

    attack: Attack
    view: int = -1
    unfit: str | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """What an attack looks like in the messages, and where; at -1 no message shows it."""

    shown: str = ""
    position: int = -1
    location: str = "user"


def read_attack(values: RowValues, messages: Sequence[dict[str, Any]]) -> AttackInView | None:
    """The attack of a row; None for a benign one.

    A row is attacked if its injection or its targets are mapped and not null. Targets without an
    injection are an attack by the user: with `attack.clean`, the message that holds it is known,
    and is the injection as a whole.

    Args:
        values: The row.
        messages: Its conversation, as `chat_messages` gives it.

    Raises:
        ValueError: If a value cannot be read; it names the column.
    """
    injection = values.text("attack.injection")
    targets = values.patterns("attack.targets")
    if not _is_attacked(values.mapping, injection, targets):
        return None
    clean = values.string("attack.clean")
    place = _place(messages, injection, clean)
    category = values.name("attack.category") or "unspecified"
    wording = f"wording-{text_digest(injection)}" if injection else category
    attack = Attack(
        category=category,
        template=values.name("attack.template") or wording,
        location=place.location,
        injection=place.shown,
        targets=targets,
        goal=values.text("attack.goal"),
        clean_content=clean if place.position >= 0 else None,
    )
    no_injection = injection is None and values.mapping.is_named("attack.injection")
    unfit = _NO_INJECTION if no_injection else _unfit(attack, place)
    return AttackInView(attack, place.position, unfit if targets else _NO_TARGET)


def text_digest(text: str) -> str:
    """What two texts have in common that differ in case, white space and punctuation only.

    Example:
        >>> text_digest("Hello, you!") == text_digest("hello  you")
        True
    """
    words = " ".join(re.findall(r"\w+", text.casefold())) or text
    return hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:16]


def _is_attacked(
    mapping: RowMapping, injection: str | None, targets: Sequence[CallPattern]
) -> bool:
    given = {"attack.injection": injection is not None, "attack.targets": bool(targets)}
    # A constant is the same in every row, so that beside a column it does not tell which are.
    telling = [key for key in given if mapping.is_column(key)]
    return any(given[key] for key in telling or given)


def _unfit(attack: Attack, place: _Place) -> str | None:
    if attack["injection"] and place.position < 0:
        return _NOT_IN_VIEW
    clean = attack["clean_content"]
    return _NOT_CLEAN if clean and _wording(clean, attack["injection"]) is not None else None


def _place(messages: Sequence[dict[str, Any]], injection: str | None, clean: str | None) -> _Place:
    """Where the attack stands."""
    if injection is None:
        return _attacked_request(messages, clean)
    for position, message in enumerate(messages):
        if message["role"] in ("user", "tool"):
            shown = _wording(message["content"], injection)
            if shown is not None:
                location = "user" if message["role"] == "user" else "tool_result"
                return _Place(shown, position, location)
    return _Place(injection)


def _attacked_request(messages: Sequence[dict[str, Any]], clean: str | None) -> _Place:
    """The only request, or the only one that the clean one is part of, as the injection."""
    if clean is None:
        return _Place()
    requests = [n for n, message in enumerate(messages) if message["role"] == "user"]
    if len(requests) > 1:
        requests = [n for n in requests if clean.strip() and clean in messages[n]["content"]]
    if len(requests) != 1:
        return _Place()
    return _Place(messages[requests[0]]["content"], requests[0])


def _wording(text: str, injection: str) -> str | None:
    """The injection as a text has it, or None."""
    return injection if injection in text else find_injection(text, [injection])
