"""A hash of the code that decides a result, for fingerprints, cache keys and manifests.

`datasets` hashes importable classes by name, so that edited code would be served from a stale
cache. What rests on code therefore carries the hash of the rooms it rests on: every file below
them, data files included, so that none can be forgotten.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

_LIBRARY = Path(__file__).parent

_NO_ROWS = frozenset(
    (
        *("builders", "cli", "dataset", "evaluation", "gates", "hub", "probing", "report_page"),
        *("training", "__init__.py", "py.typed", "version.py"),
    )
)
"""The rooms that come after the rows, or show them; a room that is not named here decides rows."""


@cache
def code_version(*rooms: str, library: Path = _LIBRARY) -> str:
    """16 hex digits over all files of rooms: packages and modules of this library, by their paths.

    Args:
        *rooms: Such as `judge` or `engines/vllm`, or `streamed.py`; none for all that decides rows.
        library: The folder of the package.

    Raises:
        FileNotFoundError: There is no such room.

    Example:
        >>> len(code_version("judge")), code_version("judge") == code_version("formats")
        (16, False)
    """
    digest = hashlib.sha256()
    found = {file for room in rooms or _rooms(library) for file in _files(library, room)}
    for file in sorted(found):
        digest.update(f"{file.relative_to(library).as_posix()}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def code_of(thing: object) -> str:
    """16 hex digits of the file that a function, or an object's class, is written in.

    For what other packages bring. Empty for what is compiled, or written in a notebook or script,
    which `datasets` hashes as a whole.

    Example:
        >>> len(code_of(code_version)), code_of(len)
        (16, '')
    """
    while isinstance(thing, partial):
        thing = thing.func
    about: Any = thing if inspect.isroutine(thing) else type(thing)
    if about.__module__ == "__main__":
        return ""
    try:
        file = inspect.getsourcefile(inspect.unwrap(about))
    except TypeError:
        return ""
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16] if file else ""


def _rooms(library: Path) -> Iterator[str]:
    for path in library.iterdir():
        if path.name not in _NO_ROWS and path.name != "__pycache__":
            yield path.name


def _files(library: Path, room: str) -> Iterator[Path]:
    path = library / room
    if path.is_dir():
        yield from (f for f in path.rglob("*") if f.is_file() and "__pycache__" not in f.parts)
    elif path.is_file():
        yield path
    else:
        raise FileNotFoundError(f"there is no room {room!r} in {library.name}")
