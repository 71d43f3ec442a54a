"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cb_datasets.errors import BuildError


@contextmanager
def whole_folder(folder: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A folder to write into that becomes `folder` when the block ends well.

    Until then it has another name, beside it; an error or an interruption removes it, and what
    stood at `folder` before stays. A process killed between the two renames of an overwrite leaves
    the old folder whole beside it, as `.NAME.replaced-...`.

    Raises:
        BuildError: `folder` is there and `overwrite` is not set, or it cannot be written.
    """
    check_free(folder, overwrite=overwrite)
    unfinished = folder.parent / f".{folder.name}.unfinished-{uuid.uuid4().hex[:8]}"
    try:
        try:
            unfinished.mkdir(parents=True)
            yield unfinished
            _replace(unfinished, folder)
        except OSError as error:
            raise BuildError(_sentence(folder, error)) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to that becomes `path` when the block ends well.

    Raises:
        BuildError: It cannot be written.
    """
    unfinished = path.parent / f".{path.name}.unfinished-{uuid.uuid4().hex[:8]}"
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield unfinished
            os.replace(unfinished, path)
        except OSError as error:
            raise BuildError(_sentence(path, error)) from error
    finally:
        unfinished.unlink(missing_ok=True)


def check_free(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that holds something, unless it may be overwritten.

    Raises:
        BuildError: It is a file, or it holds something.
    """
    if folder.is_dir():
        if any(folder.iterdir()) and not overwrite:
            raise BuildError(f"{folder} exists and is not empty; --overwrite replaces it")
    elif folder.exists():
        raise BuildError(f"{folder} is a file; a folder was expected")


def check_free_file(path: Path, *, overwrite: bool) -> None:
    """Refuse a file that is there, unless it may be overwritten.

    Raises:
        BuildError: It is a folder, or it is there.
    """
    if path.is_dir():
        raise BuildError(f"{path} is a folder; a file was expected")
    if path.exists() and not overwrite:
        raise BuildError(f"{path} exists; --overwrite replaces it")


def copy_folder(folder: Path, target: Path, *, leave_out: tuple[str, ...] = ()) -> None:
    """Put the files of a folder into another one; large data cost nothing where links may be made.

    Args:
        folder: The folder.
        target: The other one, which is there.
        leave_out: Paths, and beginnings of paths that end with a slash, that are not wanted.

    Raises:
        BuildError: The folder holds a symbolic link, or what is neither file nor folder.
    """
    for path in folder_files(folder):
        if path in leave_out or path.startswith(tuple(p for p in leave_out if p.endswith("/"))):
            continue
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(folder / path, target / path)
        except OSError:
            shutil.copyfile(folder / path, target / path)


def folder_files(folder: Path) -> list[str]:
    """The files of a folder as relative paths; no link is followed.

    Raises:
        BuildError: It holds a symbolic link, or what is neither file nor folder.
    """
    found = []
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(parent, name)
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                what = "a link" if path.is_symlink() else "neither a file nor a folder"
                raise BuildError(f"{path} is {what}; a dataset folder holds files and folders only")
        found += [Path(parent, name).relative_to(folder).as_posix() for name in files]
    return sorted(found)


def _replace(new: Path, folder: Path) -> None:
    if not folder.exists():
        os.rename(new, folder)
        return
    old = folder.parent / f".{folder.name}.replaced-{uuid.uuid4().hex[:8]}"
    os.rename(folder, old)
    try:
        os.rename(new, folder)
    except OSError:
        os.rename(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _sentence(path: Path, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return f"{path} cannot be written: the disk is full; nothing was left half-written"
    return f"{path} cannot be written: {error.strerror or error}"
