"""What a dataset folder was made of and what it holds, as data."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from cb_datasets import __version__
from cb_datasets.code_version import code_version

FORMAT_VERSION = 1
MANIFEST_NAME = "manifest.json"

_LIBRARIES = ("datasets", "huggingface_hub", "pyarrow", "tokenizers", "torch", "transformers")
_ROOMS = (
    "llama31",
    "sources",
    "engines",
    "transforms",
    "judge",
    "refusal",
    "call_patterns",
    "sets",
)


def manifest(
    folder: Path,
    *,
    facts: Mapping[str, Any],
    inputs: Iterable[Mapping[str, Any]],
    rows: Mapping[str, int],
) -> dict[str, Any]:
    """The manifest of a folder whose data files are written.

    Args:
        folder: The folder.
        facts: `Sets.facts`.
        inputs: What was read, from each source's `ReadReport.to_dict()`.
        rows: Rows of each config.

    Returns:
        Inputs with hashes, versions, seeds, template hash, and every file with size and SHA-256.
    """
    files = sorted(f for f in folder.rglob("*") if f.is_file() and f.name != MANIFEST_NAME)
    return {
        "format_version": FORMAT_VERSION,
        "cb_datasets": __version__,
        "code": build_code(),
        "python": platform.python_version(),
        "libraries": {name: metadata.version(name) for name in _LIBRARIES},
        **facts,
        "inputs": list(inputs),
        "rows": dict(rows),
        "files": {
            file.relative_to(folder).as_posix(): {
                "bytes": file.stat().st_size,
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            }
            for file in files
        },
    }


def build_code() -> str:
    """The version of all code that decides the rows of a build."""
    return code_version(*(f"cb_datasets.{room}" for room in _ROOMS))
