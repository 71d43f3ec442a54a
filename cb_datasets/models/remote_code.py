"""Python code that comes with a model: it runs only where that was allowed.

In: a model's files. Out: which classes of its own it names (`auto_map`), and the sentence about a
model that cannot be loaded, which says so where its code was not allowed to run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cb_datasets.errors import EngineError
from cb_datasets.options import Option
from cb_datasets.quoting import error_line

if TYPE_CHECKING:
    from cb_datasets.models.files import ModelFiles

_NAMED_IN = ("config.json", "tokenizer_config.json")


TrustRemoteCode = Annotated[
    bool,
    Option(
        False,
        "Run Python code that comes with the model (auto_map), with all rights of this process. "
        "Manifest and reports say so.",
    ),
]
"""The option `trust_remote_code` of all that loads a model."""


def own_classes(folder: Path) -> list[str]:
    """The classes of its own that a model names, such as `modeling_mine.MyModel`."""
    found: list[str] = []
    for name in _NAMED_IN:
        try:
            named = json.loads((folder / name).read_text(encoding="utf-8")).get("auto_map")
        except (OSError, ValueError, RecursionError, AttributeError):
            continue
        found += _texts(list(named.values()) if isinstance(named, dict) else named)
    return found


def check_own_code(files: ModelFiles) -> None:
    """See that the code that may run is the model's own, which its revision covers.

    Raises:
        EngineError: It names code of another repository.
    """
    for name in own_classes(files.folder) if files.trust_remote_code else ():
        repository, found, _ = name.partition("--")
        if found:
            raise EngineError(
                f"The model {files.name!r} names Python code of another repository "
                f"({repository!r}), which is not run; put the code into the model's folder."
            )


def cannot_be_loaded(what: str, files: ModelFiles, error: BaseException) -> EngineError:
    """The error about a part of a model that transformers or vLLM cannot load.

    Args:
        what: The part and what is wrong, up to the reason: "The config of 'x' cannot be read".
        files: The model's.
        error: What was raised.
    """
    if not files.trust_remote_code and own_classes(files.folder):
        return EngineError(
            f"{what}: the model brings Python code of its own (auto_map), which is run only with "
            "trust_remote_code."
        )
    return EngineError(f"{what} ({error_line(error)}).")


def _texts(named: Any) -> list[str]:
    if isinstance(named, list):
        return [text for part in named for text in _texts(part)]
    return [named] if isinstance(named, str) else []
