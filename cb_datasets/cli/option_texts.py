"""Options of the command line that are written as texts with an equals sign."""

from __future__ import annotations

from typing import Any

from cb_datasets.errors import BuildError, CBDatasetsError, SourceError
from cb_datasets.options import of_text


def named_source(text: str) -> tuple[str, str | None]:
    """`NAME` or `NAME=PATH`: a source and what it is read from."""
    name, equals, path = text.partition("=")
    if equals and not path:
        raise SourceError(f"--source {text}: a path was expected behind the =")
    return name, path or None


def options_by_name(flag: str, given: list[str], error: type[CBDatasetsError]) -> dict[str, str]:
    """`OPTION=VALUE`: values by the names of their options, as text."""
    options = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise error(f"{flag} {text}: expected OPTION=VALUE")
        options[name] = value
    return options


def source_options(given: list[str], sources: list[str]) -> dict[str, dict[str, Any]]:
    """`NAME.OPTION=VALUE`: options by the names of their sources."""
    options: dict[str, dict[str, str]] = {}
    for text in given:
        place, equals, value = text.partition("=")
        name, dot, option = place.partition(".")
        if not (equals and dot and name and option and value):
            raise SourceError(f"--source-option {text}: expected NAME.OPTION=VALUE")
        if name not in sources:
            raise SourceError(f"--source-option {text}: there is no --source {name}")
        options.setdefault(name, {})[option] = value
    return {name: _of_source(name, own) for name, own in options.items()}


def _of_source(name: str, given: dict[str, str]) -> dict[str, Any]:
    from cb_datasets.sources import find_source
    from cb_datasets.sources.reading import read_concerns

    return of_text(given, *read_concerns(find_source(name)))


def numbers_by_kind(flag: str, given: list[str] | None) -> dict[str, float]:
    """`KIND=NUMBER`: numbers by kind."""
    numbers = {}
    for text in given or []:
        kind, _, value = text.partition("=")
        try:
            number = float(value)
        except ValueError:
            raise BuildError(f"{flag} {text}: expected KIND=NUMBER") from None
        numbers[kind] = int(number) if number.is_integer() else number
    return numbers
