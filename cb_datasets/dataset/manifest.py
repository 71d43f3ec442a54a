"""What a dataset folder was made of and what it holds, as data."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from cb_datasets.code_version import code_version
from cb_datasets.errors import BuildError
from cb_datasets.version import __version__

FORMAT_VERSION = 1
MANIFEST_NAME = "manifest.json"

_LIBRARIES = ("datasets", "huggingface_hub", "pyarrow", "tokenizers", "torch", "transformers")


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
    return {
        "format_version": FORMAT_VERSION,
        "cb_datasets": __version__,
        "code": code_version(),
        "python": platform.python_version(),
        "libraries": {name: metadata.version(name) for name in _LIBRARIES},
        **facts,
        "inputs": list(inputs),
        "rows": dict(rows),
        "files": folder_facts(folder),
    }


def folder_facts(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of every file of a folder but its manifest, by path."""
    files = sorted(f for f in folder.rglob("*") if f.is_file() and f.name != MANIFEST_NAME)
    return {file.relative_to(folder).as_posix(): file_facts(file) for file in files}


def file_facts(file: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file, as the manifest has them."""
    digest, size = hashlib.sha256(), 0
    with open(file, "rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
    return {"bytes": size, "sha256": digest.hexdigest()}


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a dataset folder.

    Raises:
        BuildError: It is no dataset folder, or of a format that this version does not know.
    """
    if not folder.is_dir():
        raise BuildError(f"{folder}: there is no such folder; a dataset folder was expected")
    if (folder / MANIFEST_NAME).exists() and not (folder / MANIFEST_NAME).is_file():
        raise BuildError(_no_manifest(folder))
    try:
        text = (folder / MANIFEST_NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BuildError(
            f"{folder}: there is no {MANIFEST_NAME}; a dataset folder was expected"
        ) from None
    except (OSError, UnicodeDecodeError):
        raise BuildError(_no_manifest(folder)) from None
    return parse_manifest(text, str(folder))


def parse_manifest(text: str, place: str) -> dict[str, Any]:
    """A manifest from its text; `place` is where it lies, for the error.

    Raises:
        BuildError: It is none, or of a format that this version does not know.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not (
        isinstance(found, dict)
        and isinstance(found.get("rows"), dict)
        and isinstance(found.get("files"), dict)
        and all(isinstance(facts, dict) and "sha256" in facts for facts in found["files"].values())
    ):
        raise BuildError(_no_manifest(place))
    if found.get("format_version") != FORMAT_VERSION:
        raise BuildError(
            f"{place}: its format is {found.get('format_version')!r}, and this version of "
            f"cb_datasets reads {FORMAT_VERSION}"
        )
    return found


def write_manifest(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write the manifest of a folder."""
    text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
    (folder / MANIFEST_NAME).write_text(text, encoding="utf-8")


def _no_manifest(place: Path | str) -> str:
    return f"{place}/{MANIFEST_NAME}: this is no manifest of a dataset folder"
