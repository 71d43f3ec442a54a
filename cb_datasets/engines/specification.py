"""An engine as its specification: what it hashes to, pickles as, and is made from again.

The model stays out of all of it, so that an engine is the same before and after it has loaded one,
in every process.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cb_datasets.code_version import code_version
from cb_datasets.errors import EngineError

if TYPE_CHECKING:
    from cb_datasets.engines.protocol import Engine
    from cb_datasets.models.files import ModelFiles


def fingerprint_of(facts: Any) -> str:
    """SHA-256 of plain JSON data.

    Example:
        >>> fingerprint_of({"a": 1, "b": 2}) == fingerprint_of({"b": 2, "a": 1})
        True
    """
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def engine_facts(engine: Engine) -> dict[str, Any]:
    """What manifests and reports say of an engine, as plain JSON data."""
    return {
        "backend": engine.name,
        "model": engine.model,
        "revision": engine.revision,
        # Other packages' engines need not know of it.
        "trust_remote_code": bool(getattr(engine, "trust_remote_code", False)),
    }


def engine_code(wing: str) -> str:
    """The version of all code of an engine of this library that can change a sample.

    Args:
        wing: Its folder in `cb_datasets/engines`.

    Example:
        >>> engine_code("server") == engine_code("vllm")
        False
    """
    shared = ("engines/limits.py", "engines/protocol.py", "engines/seeded", "models/loading.py")
    return code_version(f"engines/{wing}", *shared)


_NOT_KEPT = ("revision", "token", "api_key")
"""Secrets, and what the engine itself knows better: which commit a branch was."""


def as_specification(
    engine: Engine, wing: str, location: str, options: Mapping[str, Any], **kept: Any
) -> tuple[Any, ...]:
    """What an engine's `__reduce__` returns.

    Args:
        engine: The engine. Its fingerprint is there to be hashed.
        wing: Its folder in `cb_datasets/engines`; where the code there is another, it is not made
            again.
        location: Of its model.
        options: Its options, as plain JSON data; revision and secrets are left out.
        **kept: Attributes that it is given again as they are.
    """
    given = {name: value for name, value in options.items() if name not in _NOT_KEPT}
    text = json.dumps(given, sort_keys=True)
    made_by = (type(engine), wing, engine_code(wing))
    arguments = (*made_by, location, engine.revision, text, engine.fingerprint())
    # The revision is that of the moment of pickling, whatever lies there later.
    return _rebuild, arguments, {"revision": engine.revision, **kept}


def _rebuild(
    cls: Any, wing: str, code: str, location: str, revision: str, options: str, fingerprint: str
) -> Engine:
    if code != engine_code(wing):
        raise EngineError(f"This engine was pickled by other code (version {code}).")
    commit = revision.partition("+")[0]
    engine: Engine = cls(
        location,
        revision=None if commit.startswith("sha256:") else commit,
        **json.loads(options),
    )
    return engine


def check_unchanged(files: ModelFiles, name: str, revision: str) -> None:
    """See that a model is still the one that an engine was made for.

    Args:
        files: The model's files as they are now.
        name: What records call the model.
        revision: The revision taken when the engine was made, perhaps in another process; an
            adapter's stands behind a `+`.

    Raises:
        EngineError: It has changed.
    """
    if revision.partition("+")[0] != files.revision():
        raise EngineError(f"The model folder {name!r} has changed since this engine was made.")
