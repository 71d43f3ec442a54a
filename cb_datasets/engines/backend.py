"""What a backend is, and which there are: the ways to sample a model.

In: a name. Out: a `Backend`: what is known of it, its options, and the engine that it makes. A
backend is one module or folder in here that holds a `Backend`; another package adds one with an
entry point of the group `cb_datasets.engines`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import EngineError
from cb_datasets.options import NoOptions, checked
from cb_datasets.registry import Registry

if TYPE_CHECKING:
    from cb_datasets.engines.protocol import Engine

DEFAULT_BACKEND = "transformers"
"""The backend that samples unless another is asked for."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A way to sample a model.

    Attributes:
        name: What users call it, and `Engine.name` of its engines.
        title: What it is, in one line.
        make: Makes an engine from a model (a folder, a Hub id, or None for the bundled tiny agent)
            and all of its options. Torch and the like are loaded in here, and not where the
            backend is defined, which is looked at for nothing but its name.
        options: Its options.
        needs: Modules that it needs beside what this library requires.
        install: The command that installs those.
    """

    name: str
    title: str
    make: Callable[..., Engine]
    options: type[Mapping[str, Any]] = NoOptions
    needs: tuple[str, ...] = ()
    install: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """What it needs and is not installed."""
        return tuple(name for name in self.needs if importlib.util.find_spec(name) is None)

    def engine(self, model: str | Path | None = None, **options: Any) -> Engine:
        """An engine that is known to be able to start, if it has a `check` that finds out.

        Raises:
            EngineError: There is no such option, or the model cannot be used.
        """
        given = checked(self.options, options, EngineError, of=f"the {self.name} backend")
        engine = self.make(model, **given)
        if (check := getattr(engine, "check", None)) is not None:
            check()
        return engine


BACKENDS = Registry(
    Backend, "backend", room="cb_datasets.engines", group="cb_datasets.engines", error=EngineError
)


def list_backends() -> list[str]:
    """Names of the backends that there are.

    Example:
        >>> list_backends()
        ['server', 'transformers', 'vllm']
    """
    return BACKENDS.names()


def find_backend(name: str) -> Backend:
    """The backend of that name.

    Raises:
        EngineError: There is none; the message names those there are.

    Example:
        >>> find_backend("vllm").install  # doctest: +SKIP
        'pip install "cb_datasets[vllm]"'
    """
    return BACKENDS.find(name)
