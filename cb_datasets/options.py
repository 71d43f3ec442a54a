"""Options, each written once: its type, default, range and meaning in one line.

An option stands in a `TypedDict` (that of typing_extensions) of its concern, as `Annotated[type,
Option(default, "what it means", ge=0)]`. From that follow the keyword arguments of a function
(typed for whoever calls it, shown by `help`), the check of what a user gave, the fields of a
builder's config, and the flags of the command line.
"""

from __future__ import annotations

import difflib
import inspect
import json
import numbers
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from textwrap import fill
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict, get_original_bases, is_typeddict

from cb_datasets.errors import CBDatasetsError

_Options = TypeVar("_Options", bound=Mapping[str, Any])
_Called = TypeVar("_Called", bound=Callable[..., Any])
_Rule = TypeVar("_Rule", bound=Callable[[Any], "str | None"])

_RULES: dict[type, list[Callable[[Any], str | None]]] = defaultdict(list)


@dataclass(frozen=True, slots=True)
class Option:
    """What an option is, beside its type.

    Args:
        default: Its value unless one is given.
        doc: What it means, in one sentence or more.
        ge: It must be this or more.
        gt: It must be more than this.
        le: It must be this or less.
        lt: It must be less than this.
        choices: It must be one of these.
        check: Reads what was given; raises `ValueError` with half a sentence ("it must be ...").
        decides_rows: Whether other rows come out with another value.
        flag: Its flag on the command line, where that is not its name, or several with blanks
            between them; None for an option that cannot be written there.
    """

    default: Any
    doc: str
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    choices: tuple[Any, ...] | None = None
    check: Callable[[Any], Any] | None = None
    decides_rows: bool = True
    flag: str | None = ""


@dataclass(frozen=True, slots=True)
class Defined:
    """An option with its name, its type and the title of its concern.

    The title is the first line of the concern's docstring. On the command line, options stand
    under what comes before a colon in it.
    """

    name: str
    type: Any
    option: Option
    concern: str


class NoOptions(TypedDict, total=False):
    """No options."""


@cache
def options_of(concern: type) -> dict[str, Defined]:
    """The options of a concern, or of several joined, in the order in which they are written.

    Args:
        concern: A `TypedDict` whose values are annotated with `Option`.
    """
    found: dict[str, Defined] = {}
    of: dict[str, type] = {}
    for part in _parts(concern):
        of.update({name: part for name in part.__annotations__ if name not in of})
    for name, hint in get_type_hints(concern, include_extras=True).items():
        kind, option, *_ = (*get_args(hint), None, None)
        if not isinstance(option, Option):
            raise TypeError(f"{concern.__name__}.{name} must be an Annotated[type, Option(...)]")
        found[name] = Defined(name, kind, option, _title(of[name]))
    return found


def checked(
    concern: type[_Options],
    given: Mapping[str, Any],
    error: type[CBDatasetsError],
    *,
    of: str | None = None,
) -> _Options:
    """All options of a concern: those given, checked, and the defaults of the others.

    Args:
        concern: The concern.
        given: Values by name.
        error: What is raised, with one sentence.
        of: What has these options, as the sentence that names one it has not is to say it.

    Raises:
        CBDatasetsError: Of the class `error`: there is no such option, or a value is of another
            type, out of its range, or no choice, or does not go with another (see `together`).

    Example:
        >>> from typing import TypedDict
        >>> from cb_datasets.errors import BuildError
        >>> class Sampling(TypedDict, total=False):
        ...     num_samples: Annotated[int, Option(5, "Samples a scenario.", ge=1)]
        >>> checked(Sampling, {}, BuildError)
        {'num_samples': 5}
        >>> checked(Sampling, {"num_samples": 0}, BuildError)
        Traceback (most recent call last):
        ...
        cb_datasets.errors.BuildError: num_samples is 0; it must be 1 or more
    """
    known = options_of(concern)
    if strange := [name for name in given if name not in known]:
        raise error(unknown_option(strange[0], known, of))
    try:
        read = _reader(concern).validate_python(dict(given))
    except ValidationError as problem:
        first = problem.errors()[0]
        name = str(first["loc"][0])
        raise error(f"{name} is {given[name]!r}; {_words(first, known[name])}") from None
    complete: Any = {name: read.get(name, found.option.default) for name, found in known.items()}
    for rule in chain.from_iterable(_RULES.get(part, ()) for part in _parts(concern)):
        if wrong := rule(complete):
            raise error(wrong)
    return complete  # type: ignore[no-any-return]


def part_of(concern: type[_Options], options: Mapping[str, Any]) -> _Options:
    """Those of some options that are a concern's."""
    known = options_of(concern)
    part: Any = {name: value for name, value in options.items() if name in known}
    return part  # type: ignore[no-any-return]


def together(concern: type) -> Callable[[_Rule], _Rule]:
    """Have a rule kept by options of a concern, wherever they are checked.

    The rule gets all of them, and says in one sentence what is wrong, or None.
    """

    def kept(rule: _Rule) -> _Rule:
        _RULES[concern].append(rule)
        return rule

    return kept


def unknown_option(name: str, known: Iterable[str], of: str | None = None) -> str:
    """The sentence about an option that there is not.

    Example:
        >>> unknown_option("turn", ["turns"], "the source 'tau2'")
        "the source 'tau2' has no option 'turn', did you mean 'turns'? (known: turns)"
    """
    start = "there is no" if of is None else f"{of} has no"
    return f"{start} option {name!r}{hint_at(name, known)}"


def hint_at(wanted: str, known: Iterable[str]) -> str:
    """What may have been meant, and what there is, for the end of a sentence.

    Example:
        >>> hint_at("num_sample", ["num_samples", "seed"])
        ", did you mean 'num_samples'? (known: num_samples, seed)"
    """
    names = list(known)
    close = difflib.get_close_matches(wanted, names, n=1)
    meant = f", did you mean {close[0]!r}?" if close else ""
    return f"{meant} (known: {', '.join(names) or 'none'})"


def of_text(given: Mapping[str, str], *concerns: type) -> dict[str, Any]:
    """Options that were written as text, as on a command line; not yet checked.

    Of an option that takes text the value is the text; of any other it is read as JSON, if it is
    that.

    Example:
        >>> class Served(TypedDict, total=False):
        ...     name: Annotated[str | None, Option(None, "What it is called.")]
        ...     retries: Annotated[int, Option(6, "How often.", ge=0)]
        >>> of_text({"name": "7", "retries": "7"}, Served)
        {'name': '7', 'retries': 7}
    """
    known = {name: found for concern in concerns for name, found in options_of(concern).items()}
    return {
        name: text if name in known and str in kinds_of(known[name].type) else _json_or_text(text)
        for name, text in given.items()
    }


def takes(*concerns: type) -> Callable[[_Called], _Called]:
    """Show, to `help` and to notebooks, the options that a function takes as `**options`.

    Its signature gets them as keyword arguments with their defaults, and the `Args` of its
    docstring get their meaning, in the place of the line `**options: ...`.
    """
    options = {name: found for concern in concerns for name, found in options_of(concern).items()}

    def shown(function: _Called) -> _Called:
        own = inspect.signature(function)
        fixed = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
        keyword = inspect.Parameter.KEYWORD_ONLY
        more = [
            inspect.Parameter(name, keyword, default=found.option.default, annotation=found.type)
            for name, found in options.items()
        ]
        function.__signature__ = own.replace(parameters=[*fixed, *more])  # type: ignore[attr-defined]
        lines = (function.__doc__ or "").split("\n")
        at = next(
            (i for i, line in enumerate(lines) if line.strip().startswith("**options:")), None
        )
        if at is not None:
            indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
            docs = [
                _wrapped(f"{name}: {meaning_of(found.option)}", indent)
                for name, found in options.items()
            ]
            function.__doc__ = "\n".join([*lines[:at], *docs, *lines[at + 1 :]])
        return function

    return shown


def _wrapped(line: str, indent: str) -> str:
    more = f"{indent}    "
    return fill(line, 100, initial_indent=indent, subsequent_indent=more, break_on_hyphens=False)


def meaning_of(option: Option) -> str:
    """What an option means, and what values it may have.

    Example:
        >>> meaning_of(Option(5, "Samples a scenario.", ge=1))
        'Samples a scenario. 1 or more.'
    """
    values = "" if option.choices is not None else range_of(option)
    return f"{option.doc} {values[0].upper()}{values[1:]}." if values else option.doc


def range_of(option: Option) -> str:
    """What values an option may have, in words; nothing where its type says it all.

    Example:
        >>> range_of(Option(0.5, "A share.", gt=0, le=1))
        'above 0 and 1 at most'
    """
    if option.choices is not None:
        return f"one of {', '.join(map(str, option.choices))}"
    if option.ge is not None and option.le is not None:
        return f"between {option.ge:g} and {option.le:g}"
    bounds = (
        f"above {option.gt:g}" if option.gt is not None else "",
        f"{option.ge:g} or more" if option.ge is not None else "",
        f"below {option.lt:g}" if option.lt is not None else "",
        f"{option.le:g} at most" if option.le is not None else "",
    )
    return " and ".join(filter(None, bounds))


def kinds_of(hint: Any) -> list[Any]:
    """The classes that a hint allows, without what they hold.

    Example:
        >>> kinds_of(Mapping[str, int] | None) == [Mapping, type(None)]
        True
    """
    either = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return [get_origin(kind) or kind for kind in either]


def literals_of(hint: Any) -> tuple[str, ...]:
    """The texts that a hint allows, where it is a `Literal`, or that or nothing."""
    found = [part for part in (hint, *get_args(hint)) if get_origin(part) is Literal]
    return get_args(found[0]) if found else ()


def _parts(concern: type) -> Iterator[type]:
    """The concerns that one is joined from, itself last."""
    # A TypedDict's bases are not its MRO.
    for base in get_original_bases(concern):
        if is_typeddict(base):
            yield from _parts(base)
    yield concern


def _title(concern: type) -> str:
    return (concern.__doc__ or concern.__name__).strip().split("\n")[0].removesuffix(".")


@cache
def _reader(concern: type) -> TypeAdapter[dict[str, Any]]:
    fields: dict[str, Any] = {}
    for name, found in options_of(concern).items():
        option = found.option
        bounds = {key: getattr(option, key) for key in ("ge", "gt", "le", "lt")}
        bounds = {key: value for key, value in bounds.items() if value is not None}
        if bounds and float in kinds_of(found.type):
            bounds["allow_inf_nan"] = False
        kind: Any = Annotated[found.type, Field(**bounds), BeforeValidator(_whole)]
        if option.choices is not None or option.check is not None:
            kind = Annotated[kind, BeforeValidator(_choice(option))]
        fields[name] = kind
    # No model: its attributes, such as `copy`, could not be names of options.
    made: Any = TypedDict
    given = made(concern.__name__, fields, total=False)
    given.__pydantic_config__ = ConfigDict(strict=True, arbitrary_types_allowed=True)
    return TypeAdapter(given)


def _whole(value: Any) -> Any:
    """Whole numbers come as floats from JSON, and numbers as NumPy's from a sweep."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    number = float(value)
    return int(number) if number.is_integer() else number


def _choice(option: Option) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        # Whether there may be none, the type says.
        if value is not None and option.choices is not None and value not in option.choices:
            raise ValueError(f"it must be {range_of(option)}")
        return value if option.check is None else option.check(value)

    return read


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


_KINDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    os.PathLike: "a path",
    Path: "a path",
    Mapping: "a mapping",
    Sequence: "a list",
    Callable: "a function",
}


def _words(problem: Mapping[str, Any], found: Defined) -> str:
    """The second half of a sentence about a value that does not fit."""
    kind = str(problem["type"])
    if kind == "value_error":
        return str(problem["ctx"]["error"])
    if kind.startswith(("greater", "less", "finite")):
        return f"it must be {range_of(found.option) or 'a number'}"
    if texts := literals_of(found.type):
        return f"it must be one of {', '.join(texts)}"
    names = [_KINDS[kind] for kind in kinds_of(found.type) if kind in _KINDS]
    return f"it must be {' or '.join(names)}" if names else str(problem["msg"])
