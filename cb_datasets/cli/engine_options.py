"""Options of every command that loads a model: which one, and what runs it how.

How is for the backends to say: what they declare becomes flags.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, get_type_hints

from typing_extensions import TypedDict

from cb_datasets.cli.option_texts import options_by_name
from cb_datasets.engines.backend import BACKENDS, DEFAULT_BACKEND
from cb_datasets.errors import EngineError
from cb_datasets.options import Defined, Option, of_text, options_of

if TYPE_CHECKING:
    from cb_datasets.engines import Engine


class _Chosen(TypedDict, total=False):
    model: Annotated[
        str | None, Option(None, "Model folder or Hub id. Default: the bundled tiny agent")
    ]
    backend: Annotated[
        str,
        Option(
            DEFAULT_BACKEND,
            f"What samples it: {', '.join(BACKENDS.built_in)}, or one of another package.",
        ),
    ]
    engine_option: Annotated[
        Sequence[str],
        Option(
            (),
            "OPTION=VALUE of the backend, for what has no flag.",
            flag="--engine-option -E",
        ),
    ]
    distributed: Annotated[
        str | None, Option(None, "ray: spread the samples over workers of a Ray cluster.")
    ]
    workers: Annotated[
        int | None,
        Option(
            None,
            "With `distributed`, copies of the engine. Default: one a GPU, or one a node.",
            ge=1,
        ),
    ]


def _of_backends() -> dict[str, Any]:
    """What the backends of this library declare; what not all of them do, with their names."""
    backends = sorted(BACKENDS.built_in.values(), key=lambda b: (b.name != DEFAULT_BACKEND, b.name))
    having = defaultdict[str, list[str]](list)
    declared: dict[str, Defined] = {}
    for backend in backends:
        for name, found in options_of(backend.options).items():
            having[name].append(backend.name)
            declared.setdefault(name, found)
    hints = {}
    for name, found in declared.items():
        of = "" if len(having[name]) == len(backends) else f"{', '.join(having[name])}: "
        option = replace(found.option, doc=f"{of}{found.option.doc}")
        if option.flag is not None:
            hints[name] = Annotated[found.type, option]
    return hints


def _concern(hints: dict[str, Any]) -> Any:
    make: Any = TypedDict
    concern = make("EngineOptions", hints, total=False)
    concern.__doc__ = "The engine."
    return concern


_WHICH = get_type_hints(_Chosen, include_extras=True)
_HOW = _of_backends()

if TYPE_CHECKING:
    EngineOptions: TypeAlias = dict[str, Any]
    ModelOptions: TypeAlias = dict[str, Any]
else:
    EngineOptions = _concern({**_WHICH, **_HOW})
    # What a command takes that reads a model with transformers, whatever samples it.
    ModelOptions = _concern(
        {
            "model": _WHICH["model"],
            **{name: _HOW[name] for name in ("revision", "dtype", "device", "trust_remote_code")},
        }
    )


def engine_of(given: EngineOptions) -> Engine:
    """The engine that these options ask for.

    Raises:
        EngineError: There is none such, or an option is given twice.
    """
    from cb_datasets.engines import find_backend, load_engine

    known = options_of(EngineOptions)
    # What is not asked for is left out: not every backend has every option.
    asked = {
        name: value
        for name, value in given.items()
        if value != known[name].option.default and name not in ("model", "backend", "engine_option")
    }
    backend = given["backend"]
    texts = options_by_name("--engine-option", list(given["engine_option"]), EngineError)
    further = of_text(texts, find_backend(backend).options)
    if twice := sorted(set(asked) & set(further)):
        flag = twice[0].replace("_", "-")
        raise EngineError(f"{twice[0]} is given twice: with --{flag} and with --engine-option.")
    return load_engine(backend, given["model"], **asked, **further)
