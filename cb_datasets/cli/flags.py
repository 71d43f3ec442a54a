"""A command's flags, made of the options that are written once, elsewhere.

In: a command whose parameters are concerns (see `cb_datasets.options`). Out: the command as typer
takes it, with a flag for each option; each concern gets what was given, checked and complete.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from typing_extensions import is_typeddict

from cb_datasets.cli.option_texts import numbers_by_kind
from cb_datasets.errors import CBDatasetsError
from cb_datasets.options import Defined, checked, kinds_of, literals_of, meaning_of, options_of

_NOT_GIVEN: tuple[Any, ...] = (None, [], ())
_METAVARS: dict[Any, str] = {bool: "", int: "N", float: "X", str: "TEXT", Path: "PATH"}


def with_flags(
    error: type[CBDatasetsError],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the flags of its concerns.

    A flag that is not given is None to typer, so that the definitions alone know the defaults.

    Args:
        error: What is raised if a value does not fit, with one sentence.
    """

    def flagged(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        concerns = {p.name: p.annotation for p in signature.parameters.values() if _is_concern(p)}
        parameters = [p for p in signature.parameters.values() if not _is_concern(p)]
        for concern in concerns.values():
            parameters += [p for found in _written(concern) for p in _parameters(found, concern)]

        @wraps(command)
        def run(**given: Any) -> None:
            for name, concern in concerns.items():
                texts = {found.name: _given(found, given) for found in _written(concern)}
                asked = {key: value for key, value in texts.items() if value not in _NOT_GIVEN}
                given[name] = checked(concern, asked, error)
            command(**given)

        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return flagged


def as_flags(concern: type, given: Mapping[str, Any]) -> list[str]:
    """What has to be written on a command line to get these options; defaults are left out.

    Args:
        concern: The concern.
        given: Its options, complete or not.
    """
    words: list[str] = []
    for found in _written(concern):
        value = given.get(found.name, found.option.default)
        if value != found.option.default and value not in ((), []):
            # What is switched off although it is on by default was written as 0.
            words += _flag_words(found, 0 if value is None else value)
    return words


def _flag_words(found: Defined, value: Any) -> list[str]:
    flag = _flags(found)[0]
    if isinstance(value, bool):
        return [flag if value else _opposite(found)]
    if isinstance(value, Mapping):
        value = [f"{kind}={number}" for kind, number in value.items()]
    several = value if isinstance(value, (list, tuple)) else [value]
    return [word for one in several for word in (flag, str(one))]


def _is_concern(parameter: inspect.Parameter) -> bool:
    return is_typeddict(parameter.annotation)


def _written(concern: type) -> list[Defined]:
    """Options that can be written on a command line."""
    return [found for found in options_of(concern).values() if found.option.flag is not None]


def _parameters(found: Defined, concern: type) -> Iterator[inspect.Parameter]:
    kind, metavar = _kind(found)
    flag = typer.Option(
        *_flags(found),
        # Brackets are markup in help.
        help=_help(found, concern).replace("[", "\\["),
        metavar=metavar,
        rich_help_panel=found.concern.partition(":")[0],
        show_default=False,
    )
    yield _parameter(found.name, kind, flag)
    if found.option.default is True:
        # Hidden, since its column would take the room of the texts.
        yield _parameter(f"no_{found.name}", bool, typer.Option(_opposite(found), hidden=True))


def _parameter(name: str, kind: Any, flag: Any) -> inspect.Parameter:
    # Typer reads the annotation at run time, on Python 3.10 too.
    annotation: Any = Annotated[Optional[kind], flag]  # noqa: UP045
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, keyword, default=None, annotation=annotation)


def _given(found: Defined, given: dict[str, Any]) -> Any:
    """The value of an option, taken out of what typer gives."""
    value, opposite = given.pop(found.name, None), given.pop(f"no_{found.name}", None)
    if opposite:
        return False
    if isinstance(value, list) and Sequence not in kinds_of(found.type):
        return numbers_by_kind(_flags(found)[0], value)
    return value


def _flags(found: Defined) -> list[str]:
    return (found.option.flag or f"--{found.name.replace('_', '-')}").split()


def _opposite(found: Defined) -> str:
    return f"--no-{_flags(found)[0].removeprefix('--')}"


def _kind(found: Defined) -> tuple[Any, str]:
    """What typer reads, and how that is shown."""
    if texts := literals_of(found.type):
        return str, "|".join(texts)
    kinds = kinds_of(found.type)
    for kind, metavar in _METAVARS.items():
        if kind in kinds:
            return kind, metavar
    return list[str], "TEXT" if Sequence in kinds else "KIND=N"


def _help(found: Defined, concern: type) -> str:
    flags = {name: _flags(other)[0] for name, other in options_of(concern).items()}
    text = re.sub(r"`([^`]+)`", lambda name: flags.get(name[1], name[1]), meaning_of(found.option))
    if _kind(found)[0] == list[str]:
        text += " May be repeated."
    default = found.option.default
    if default is True:
        return f"{text} Default: yes; {_opposite(found)} for no"
    if default is None or default is False or default == ():
        return text
    if isinstance(default, tuple):
        default = ", ".join(default)
    return f"{text} Default: {f'{default:g}' if isinstance(default, float) else default}"
