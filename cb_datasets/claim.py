"""A claim on an output: while one process makes it no other does, and what the dead left goes.

In: the path of a folder or file that is to be made. Out: a folder beside it to make it in,
`.NAME.unfinished-new`. A claim is a lock that the system lets go of when its process ends, however
it ends: a place whose lock is free is that of a dead process, and nobody has to guess.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from cb_datasets.errors import BuildError

_LOCK = "lock"
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL}
_held: ContextVar[Mapping[Path, Path]] = ContextVar("held", default={})  # noqa: B039 - not changed


@contextmanager
def claimed(output: Path) -> Iterator[Path]:
    """A folder to make an output in, which goes when the block ends; blocks may be nested.

    An old folder that a process was replacing when it died is put back.

    Args:
        output: What is to be made; a link stands for what it leads to.

    Raises:
        BuildError: Another process, or another thread, is making it.
        OSError: Nothing can be written beside it.
    """
    output = real_path(output)
    held = _held.get()
    if output in held:
        yield held[output]
        return
    missing = [folder for folder in output.parents if not folder.exists()]
    place, lock = _locked(output)
    token = _held.set({**held, output: place})
    try:
        if lock is not None:
            _tidy(output, place)
        yield place
    finally:
        _held.reset(token)
        shutil.rmtree(place, ignore_errors=True)
        if lock is not None:
            os.close(lock)
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


def real_path(path: Path) -> Path:
    """What a path leads to, there or not."""
    return Path(os.path.realpath(path))


def replaced(output: Path) -> Path:
    """Where an old folder is while a new one takes its place."""
    return output.with_name(f".{output.name}.replaced-old")


def _locked(output: Path) -> tuple[Path, int | None]:
    """The place of a claim, and its lock; a place of its own where the storage has no locks."""
    place = output.with_name(f".{output.name}.unfinished-new")
    while True:
        place.mkdir(parents=True, exist_ok=True)
        try:
            lock = os.open(place / _LOCK, os.O_RDWR | os.O_CREAT)
        except FileNotFoundError:
            # Whoever held it has taken the folder away in this moment.
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(lock, place / _LOCK):
                return place, lock
        except BlockingIOError:
            os.close(lock)
            raise BuildError(
                f"another process is writing {output}; wait for it, or give another output"
            ) from None
        except OSError as error:
            os.close(lock)
            if error.errno not in _NO_LOCKS:
                raise
            shutil.rmtree(place, ignore_errors=True)
            own = output.with_name(f".{output.name}.unlocked-{uuid.uuid4().hex[:8]}")
            own.mkdir()
            return own, None
        os.close(lock)


def _is_at(file: int, path: Path) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False


def _tidy(output: Path, place: Path) -> None:
    """Clear away what processes left here that were killed."""
    # Versions without the lock gave each process a name of its own.
    named = glob.glob(f".{glob.escape(output.name)}.unfinished-*", root_dir=output.parent)
    left = {output.parent / name for name in named} - {place}
    for path in (*left, *place.iterdir()):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path != place / _LOCK:
            path.unlink(missing_ok=True)
    aside = replaced(output)
    if not aside.exists():
        return
    if output.exists():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        os.rename(aside, output)
