"""The hash of a file's every byte: of weights, too, where a middle layer may be all that differs.

In: a path. Out: a SHA-256 of the hashes of its blocks, which are taken side by side. Of a large
file it is remembered, and paid again only when size, time or inode say that the file is another.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

BLOCK = 32 * 2**20
"""Bytes that are hashed at a time."""

LARGE = 256 * 2**20
"""From this size on the hash of a file is remembered."""

SETTLED_SECONDS = 2.0
"""What has changed later than so long ago may change again without its time telling."""

_CHUNK = 2**20


def content_hash(path: Path) -> str:
    """The hash of a file's content, 64 hex digits; another one whenever one byte differs.

    Args:
        path: The file; a link is followed.

    Example:
        >>> from cb_datasets.assets import tiny_agent_path
        >>> len(content_hash(tiny_agent_path() / "config.json"))
        64
    """
    path = path.resolve()
    state = _state(path)
    if state["size"] < LARGE:
        return _hashed(path, state["size"])
    kept = _kept(path)
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(kept.read_text("utf-8"))
        if known["state"] == state:
            return str(known["hash"])
    found = _hashed(path, state["size"])
    settled = time.time() - state["mtime"] / 1e9 > SETTLED_SECONDS
    if settled and _state(path) == state:
        # Not remembered where nothing can be written; then it is paid again.
        with suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            unfinished = kept.with_suffix(f".{os.getpid()}")
            unfinished.write_text(json.dumps({"state": state, "hash": found}), "utf-8")
            unfinished.replace(kept)
    return found


def _state(path: Path) -> dict[str, Any]:
    found = path.stat()
    return {
        "path": str(path),
        "size": found.st_size,
        "mtime": found.st_mtime_ns,
        "inode": found.st_ino,
        "block": BLOCK,
    }


def _kept(path: Path) -> Path:
    import datasets

    name = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return Path(datasets.config.HF_DATASETS_CACHE, "cb_datasets", "content", f"{name}.json")


def _hashed(path: Path, size: int) -> str:
    starts = range(0, size, BLOCK)
    digest = hashlib.sha256()
    with ThreadPoolExecutor(max(1, min(len(starts), os.cpu_count() or 1))) as pool:
        for block in pool.map(lambda start: _block(path, start), starts):
            digest.update(block)
    return digest.hexdigest()


def _block(path: Path, start: int) -> bytes:
    digest, room = hashlib.sha256(), BLOCK
    with path.open("rb") as file:
        file.seek(start)
        # While a part of this size is hashed, other threads run.
        while room > 0 and (part := file.read(min(room, _CHUNK))):
            digest.update(part)
            room -= len(part)
    return digest.digest()
