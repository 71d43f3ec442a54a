"""What there is of one kind, by name: sources, engines, gates, judges.

In: a room of this library and a group of entry points. Out: the things that the room's modules
hold, and those that other packages or a process add, none of which replaces one of the library's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from typing import Any, Generic, Protocol, TypeVar

from cb_datasets.errors import CBDatasetsError
from cb_datasets.options import hint_at
from cb_datasets.quoting import error_line


class Named(Protocol):
    """Anything that is asked for by its name."""

    @property
    def name(self) -> str: ...  # noqa: D102


_Thing = TypeVar("_Thing", bound=Named)


class Registry(Generic[_Thing]):
    """The things of a kind, by name.

    A module or package that lies directly in the room adds what it holds of the kind, under
    whatever variable. All of them are imported to be looked through, so that none may load
    torch or the like when it is imported. Of other packages the names are known without
    importing anything; each is loaded when it is asked for.

    Args:
        kind: The class of the things.
        what: What one of them is called in a sentence.
        room: The package that holds those of this library, and exports `kind`.
        group: The group of entry points by which other packages add theirs; an entry point has
            the name of the thing that it loads.
        error: What is raised, with one sentence.
    """

    def __init__(
        self,
        kind: type[_Thing],
        what: str,
        *,
        room: str,
        group: str,
        error: type[CBDatasetsError],
    ) -> None:
        self._kind = kind
        self._what = what
        self._room = room
        self._group = group
        self._error = error
        self._loaded: dict[str, _Thing] = {}
        self._of_this_process: dict[str, _Thing] = {}

    def add(self, thing: _Thing) -> None:
        """Make a thing known in this process, as a package does for all by an entry point.

        It takes the place of one that was added before, so that a cell may be run again.

        Raises:
            CBDatasetsError: The library or a package has one of that name.
        """
        self._check_kind(thing, f"the {self._what}")
        if thing.name in self.built_in or thing.name in self._points:
            raise self._error(f"there is a {self._what} {thing.name!r} already")
        self._of_this_process[thing.name] = thing

    @cached_property
    def built_in(self) -> dict[str, _Thing]:
        """Those of this library."""
        found = {}
        for module in iter_modules(import_module(self._room).__path__, f"{self._room}."):
            for thing in vars(import_module(module.name)).values():
                if isinstance(thing, self._kind):
                    found[thing.name] = thing
        return found

    def names(self) -> list[str]:
        """All names, sorted; nothing of another package is imported for it."""
        return sorted({*self.built_in, *self._points, *self._of_this_process})

    def find(self, name: Any) -> _Thing:
        """The thing of that name.

        Raises:
            CBDatasetsError: There is none, or another package has one that cannot be loaded.
        """
        if name in self.names():
            for known in (self.built_in, self._loaded, self._of_this_process):
                if name in known:
                    return known[name]
            self._loaded[name] = self._load(name)
            return self._loaded[name]
        raise self._error(f"there is no {self._what} {name!r}{hint_at(str(name), self.names())}")

    def __iter__(self) -> Iterator[_Thing]:
        """All things, by their names; raises what `find` does."""
        return map(self.find, self.names())

    @cached_property
    def _points(self) -> Mapping[str, list[EntryPoint]]:
        found: dict[str, list[EntryPoint]] = {}
        for point in entry_points(group=self._group):
            found.setdefault(point.name, []).append(point)
        return found

    def _load(self, name: str) -> _Thing:
        point, *others = self._points[name]
        if others:
            places = ", ".join(other.value for other in (point, *others))
            raise self._error(f"more than one package adds a {self._what} {name!r}: {places}")
        where = f"the entry point {name!r} of {self._group}"
        try:
            thing: _Thing = point.load()
        except Exception as error:
            reason = error_line(error)
            raise self._error(f"{where} cannot be loaded ({reason})") from error
        self._check_kind(thing, where)
        if thing.name != name:
            raise self._error(f"{where} is called {thing.name!r}, expected the same name in both")
        return thing

    def _check_kind(self, thing: Any, what: str) -> None:
        if not isinstance(thing, self._kind):
            expected = f"{self._room}.{self._kind.__name__}"
            raise self._error(f"{what} is a {type(thing).__name__}, expected a {expected}")
