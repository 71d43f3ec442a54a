"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cb_datasets.claim import claimed, real_path, replaced
from cb_datasets.errors import BuildError
from cb_datasets.quoting import reason_of

_WHOLE = "whole"


@contextmanager
def whole_folder(folder: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A folder to write into that becomes `folder` when the block ends well.

    Until then it is in a place beside it; an error or an interruption removes it, and what stood at
    `folder` before stays. A process killed between the two renames of an overwrite leaves the old
    folder whole beside it, as `.NAME.replaced-old`; who writes there next puts it back first.

    Raises:
        BuildError: `folder` is there, or is there when the block ends, and `overwrite` is not set;
            another process is writing it; or it cannot be written.
    """
    with reserved(folder, overwrite=overwrite) as place, _one_sentence(folder):
        unfinished = place / _WHOLE
        try:
            unfinished.mkdir()
            yield unfinished
            _put(unfinished, folder, overwrite=overwrite)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def whole_file(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """A path to write to that becomes `path` when the block ends well.

    Raises:
        BuildError: `path` is there, or is there when the block ends, and `overwrite` is not set;
            another process is writing it; or it cannot be written.
    """
    with reserved(path, overwrite=overwrite, file=True) as place, _one_sentence(path):
        yield place / _WHOLE
        if path.exists() and not overwrite:
            raise _appeared(path)
        os.replace(place / _WHOLE, real_path(path))


@contextmanager
def reserved(output: Path, *, overwrite: bool, file: bool = False) -> Iterator[Path]:
    """Keep an output for this process while the block lasts, and give a place beside it.

    What takes long reserves its output before it begins, so that it is not in vain.

    Raises:
        BuildError: It is not free, another process is writing it, or it cannot be written.
    """
    with ExitStack() as held:
        with _one_sentence(output):
            place = held.enter_context(claimed(output))
            check = check_free_file if file else check_free
            check(output, overwrite=overwrite)
        yield place


def check_free(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that holds something, unless it may be overwritten.

    Raises:
        BuildError: It is a file, it holds something, or it cannot be replaced by another.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise BuildError(f"{folder} is a file; a folder was expected")
    if any(folder.iterdir()) and not overwrite:
        raise BuildError(f"{folder} exists and is not empty; --overwrite replaces it")
    if os.path.ismount(folder):
        raise BuildError(f"{folder} is a mount point, which no folder replaces; give one inside it")


def check_free_file(path: Path, *, overwrite: bool) -> None:
    """Refuse a file that is there, unless it may be overwritten.

    Raises:
        BuildError: It is a folder or a device, or it is there.
    """
    if path.is_dir():
        raise BuildError(f"{path} is a folder; a file was expected")
    if path.exists() and not path.is_file():
        raise BuildError(f"{path} is a device or a pipe; a file was expected")
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


def _put(new: Path, folder: Path, *, overwrite: bool) -> None:
    at, old = real_path(folder), replaced(real_path(folder))
    if overwrite and at.is_dir():
        os.rename(at, old)
    try:
        # Takes the place of nothing but an empty folder, and the system sees to that.
        os.rename(new, at)
    except OSError as error:
        if old.exists() and not at.exists():
            os.rename(old, at)
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise _appeared(folder) from None
        raise
    shutil.rmtree(old, ignore_errors=True)


def _appeared(path: Path) -> BuildError:
    return BuildError(
        f"{path} has been made by something else since this began; --overwrite replaces it"
    )


@contextmanager
def _one_sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = reason_of(error)
        if error.errno == errno.ENOSPC:
            reason = "the disk is full; nothing was left half-written"
        raise BuildError(f"{path} cannot be written: {reason}") from error
