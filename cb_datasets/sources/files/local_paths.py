"""The files under a folder or behind a pattern on this machine, links to folders followed.

In: a folder, or a glob. Out: paths of files, each folder looked into once, however many links lead
to it and wherever they go round. What is no file, and what cannot be looked into, is an error.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from cb_datasets.errors import SourceError
from cb_datasets.quoting import reason_of

_ANY_DEPTH = "**"


def check_regular(path: str) -> None:
    """See that a path is no pipe, socket or device, which may keep a reader waiting for ever.

    Raises:
        SourceError: It is one.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        what = "a folder" if os.path.isdir(path) else "a pipe, a socket or a device"
        raise SourceError(f"this is {what}, expected a file", file=path)


def files_under(folder: str, *, hidden: bool = False) -> Iterator[str]:
    """All files under a folder, in no order; those of links to folders come after all others.

    A link that leads back to a folder which holds it is not followed.

    Args:
        folder: The folder.
        hidden: Whether names that begin with a dot count.

    Raises:
        SourceError: A folder cannot be looked into, or a link leads nowhere.
    """
    seen, waiting = set[str](), [folder]
    while waiting:
        start = waiting.pop(0)
        for parent, folders, names in os.walk(start, onerror=_unreadable):
            real = os.path.realpath(parent)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            folders[:] = sorted(name for name in folders if hidden or not name.startswith("."))
            for name in folders:
                path = os.path.join(parent, name)
                if os.path.islink(path) and not _holds(os.path.realpath(path), real):
                    waiting.append(path)
            for name in names:
                if hidden or not name.startswith("."):
                    path = os.path.join(parent, name)
                    if not os.path.exists(path):
                        raise SourceError("this link leads nowhere", file=path)
                    yield path


def files_like(pattern: str) -> list[str]:
    """Paths that match a glob, sorted; `**` is any number of folders, links to folders among them.

    Raises:
        SourceError: See `files_under`.
    """
    parts = pattern.split("/")
    if _ANY_DEPTH not in parts:
        return sorted(path for path in glob.glob(pattern) if not os.path.isdir(path))
    # `glob` would go round links that lead back up to forty times, and each way round twice again.
    at = parts.index(_ANY_DEPTH)
    head, tail = "/".join(parts[:at]), parts[at:]
    start = head or ("/" if pattern.startswith("/") else ".")
    hidden = any(part.startswith(".") for part in tail)
    return sorted(
        os.path.join(folder, name) if head or start == "/" else name
        for folder in glob.glob(start)
        if os.path.isdir(folder)
        for path in files_under(folder, hidden=hidden)
        if _fits((name := os.path.relpath(path, folder)).split("/"), tail)
    )


def _fits(names: Sequence[str], parts: Sequence[str]) -> bool:
    if not parts or not names:
        return not names and all(part == _ANY_DEPTH for part in parts)
    name, part = names[0], parts[0]
    shown = not name.startswith(".")
    if part == _ANY_DEPTH:
        return _fits(names, parts[1:]) or (shown and _fits(names[1:], parts))
    matches = (shown or part.startswith(".")) and fnmatchcase(name, part)
    return matches and _fits(names[1:], parts[1:])


def _holds(folder: str, inside: str) -> bool:
    return inside == folder or inside.startswith(folder.rstrip("/") + "/")


def _unreadable(error: OSError) -> None:
    raise SourceError(
        f"the folder cannot be read ({reason_of(error)})", file=str(error.filename)
    ) from error
