"""What is kept out of training altogether: a source, an attack category or an attack template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from cb_datasets.errors import BuildError
from cb_datasets.sets.scenario_facts import ScenarioFacts

HoldOuts: TypeAlias = Mapping[str, str | Sequence[str]] | Sequence[str] | None
"""Keys to names, or texts such as `category=override`."""

KEYS = ("source", "category", "template")


@dataclass(frozen=True, slots=True)
class HoldOut:
    """A property of scenarios, by which they are held out for eval."""

    key: str
    value: str

    def takes(self, facts: ScenarioFacts) -> bool:
        """Whether a scenario has it."""
        return bool(getattr(facts, self.key) == self.value)

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


def hold_outs(given: HoldOuts) -> tuple[str, ...]:
    """What is to be held out, checked, each as `key=value`.

    Args:
        given: A mapping of `source`, `category` or `template` to a value or several, or texts
            such as `category=override`.

    Raises:
        BuildError: A key is none of these, or a value is missing.

    Example:
        >>> hold_outs({"category": ["override", "fake_system"]})
        ('category=override', 'category=fake_system')
    """
    if given is None:
        return ()
    if isinstance(given, Mapping):
        pairs = [f"{key}={value}" for key, values in given.items() for value in _several(values)]
    else:
        pairs = _several(given)
    for text in pairs:
        parse_hold_out(text)
    return tuple(pairs)


def _several(given: Any) -> list[str]:
    alone = isinstance(given, str) or not isinstance(given, Iterable)
    return [given] if alone else list(given)


def parse_hold_out(text: str) -> HoldOut:
    """One `key=value`.

    Raises:
        BuildError: It is none.

    Example:
        >>> parse_hold_out("template=urgent_note").key
        'template'
    """
    key, _, value = str(text).partition("=")
    if key not in KEYS or not value:
        raise BuildError(
            f"hold_out {text!r}: expected one of {', '.join(f'{key}=NAME' for key in KEYS)}"
        )
    return HoldOut(key, value)
