"""Chance, clock and order of a suite's own code, pinned, so that the same calls do the same.

In: the modules that hold a suite's tools and tasks. Out: the same modules, whose `random`,
`datetime` and `set` are stand-ins. They ask the `Chance` of the episode that is being played; where
none is, they are what they stand in for. No other module is touched.
"""

from __future__ import annotations

import datetime
import random
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

FIRST_DAY = datetime.datetime(2024, 5, 15, 9)
"""The time in an episode whose clock nobody sets."""


class Chance:
    """The draws and the clock of one episode.

    Args:
        now: What its clock shows at the beginning; each look at it takes a second.
        known: What draws turned out to be in the run that is replayed, by their number.

    Attributes:
        drawn: Each draw of the episode so far, written as text.

    Example:
        >>> chance = Chance(known={1: "7"})
        >>> [chance.draws.randint(5, 9), chance.draws.randint(5, 9)][1], chance.drawn[1]
        (7, '7')
    """

    def __init__(
        self, now: datetime.datetime = FIRST_DAY, known: Mapping[int, str] | None = None
    ) -> None:
        self._now = now.replace(microsecond=0)
        self.known = dict(known or {})
        self.drawn: list[str] = []
        self.draws = _Draws(self)

    @contextmanager
    def reigns(self) -> Iterator[None]:
        """While it lasts, this is the chance that pinned modules ask."""
        token = _reigning.set(self)
        try:
            yield
        finally:
            _reigning.reset(token)

    def now(self) -> datetime.datetime:
        """The time; never twice the same, and never a whole second, as with a real clock."""
        self._now += datetime.timedelta(seconds=1, microseconds=1)
        return self._now

    def settle(self, drawn: str, fits: Iterable[str] | range) -> str:
        """A draw as it counts: as drawn, or as it is known to have been, if it could have been."""
        known = self.known.get(len(self.drawn))
        possible = known is not None and _is_possible(known, drawn, fits)
        settled = known if possible and known is not None else drawn
        self.drawn.append(settled)
        return settled


_reigning: ContextVar[Chance | None] = ContextVar("chance", default=None)


def _is_possible(known: str, drawn: str, fits: Iterable[str] | range) -> bool:
    if isinstance(fits, range):
        return known.isdecimal() and int(known) in fits
    return len(known) == len(drawn) and set(known) <= set(fits)


class _Draws(random.Random):
    """Seeded draws; codes and numbers, which a run may show, are settled by the chance."""

    def __init__(self, chance: Chance) -> None:
        super().__init__(0)
        self._chance = chance

    def choices(
        self, population: Any, weights: Any = None, *, cum_weights: Any = None, k: int = 1
    ) -> list[Any]:
        drawn = super().choices(population, weights, cum_weights=cum_weights, k=k)
        letters = isinstance(population, Sequence) and all(
            isinstance(item, str) and len(item) == 1 for item in population
        )
        return list(self._chance.settle("".join(drawn), population)) if letters else drawn

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        drawn = super().randrange(start, stop, step)
        possible = range(start) if stop is None else range(start, stop, step)
        return int(self._chance.settle(str(drawn), possible))


class _StandIn:
    """A module or class in the place of another; what it does not define is the other's.

    A subclass would not do: what its constructors make would be of another type than before.
    """

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._original(*arguments, **named)

    def __instancecheck__(self, value: Any) -> bool:
        return isinstance(value, self._original)


class _Random(_StandIn):
    def __getattr__(self, name: str) -> Any:
        chance = _reigning.get()
        drawing = chance is not None and name[0].islower() and hasattr(chance.draws, name)
        return getattr(chance.draws if drawing and chance else self._original, name)


class _DateTime(_StandIn):
    def now(self, tz: datetime.tzinfo | None = None) -> datetime.datetime:
        chance = _reigning.get()
        if chance is None:
            return datetime.datetime.now(tz)
        return chance.now() if tz is None else chance.now().astimezone(tz)

    def today(self) -> datetime.datetime:
        return self.now()

    utcnow = today


class _Date(_StandIn):
    def today(self) -> datetime.date:
        chance = _reigning.get()
        return datetime.date.today() if chance is None else chance.now().date()


class _DateTimeModule(_StandIn):
    datetime = _DateTime(datetime.datetime)
    date = _Date(datetime.date)


class _Kind(type):
    """The type of a class that plain sets are instances of, too."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, set)


class _OrderedSet(set[Any], metaclass=_Kind):
    """A set whose order does not depend on the process."""

    def __iter__(self) -> Iterator[Any]:
        return iter(sorted(super().__iter__(), key=repr))


_STAND_INS: tuple[tuple[Any, Any], ...] = (
    (random, _Random(random)),
    (datetime, _DateTimeModule(datetime)),
    (datetime.datetime, _DateTimeModule.datetime),
    (datetime.date, _DateTimeModule.date),
)


def pin_modules(names: Iterable[str]) -> None:
    """Put the stand-ins into the named modules, and into those of the same packages.

    Args:
        names: Modules of a suite's tools, tasks and environment; more than once does no harm.
    """
    packages = {name.rpartition(".")[0] for name in names} - {""}
    for name, module in list(sys.modules.items()):
        if module is not None and (name in names or name.rpartition(".")[0] in packages):
            _pin(vars(module))


def _pin(variables: dict[str, Any]) -> None:
    for name, value in list(variables.items()):
        for original, stand_in in _STAND_INS:
            if value is original:
                variables[name] = stand_in
    variables.setdefault("set", _OrderedSet)
