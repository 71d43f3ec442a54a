"""`cb-datasets ds`, `dr` and `eval`: `build` with all its options, for one set as JSON Lines."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from cb_datasets.cli.build import build

TITLES = {"ds": "circuit breaker set", "dr": "retain set", "eval": "eval set"}


def one_set(name: str) -> Callable[..., None]:
    """The command that builds one set: `build --only NAME`."""

    @wraps(build)
    def command(**options: Any) -> None:
        build(**options, only=name)

    signature = inspect.signature(build)
    kept = [option for option in signature.parameters.values() if option.name != "only"]
    command.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    command.__doc__ = f"""Build the {TITLES[name]}, gate it and write it as JSON Lines.

    Takes the options of `build`; the output is a file, {name}.jsonl unless told.
    """
    return command
