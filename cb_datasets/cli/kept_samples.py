"""Where a command keeps its finished samples unless told, and how it says that it can go on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cb_datasets.cli.console import warn

if TYPE_CHECKING:
    from cb_datasets.engines import Engine


def journal_of(command: str, *names: Path | str | None) -> Path:
    """A folder in the cache, the same one whenever the same command is given again."""
    import datasets

    where = [str(n.absolute()) if isinstance(n, Path) else n for n in names]
    name = hashlib.sha256(json.dumps([command, *where]).encode()).hexdigest()[:16]
    return Path(datasets.config.HF_DATASETS_CACHE, "cb_datasets", "journals", name)


def samples_of(sources: Iterable[tuple[str, str | None]], engine: Engine) -> Path:
    """The folder in the cache with the samples that a model made of sources, whatever for.

    A dry run, the build after it, and `ds`, `dr` and `eval` have the same one; so have builds with
    other options. That none takes a sample that is not its own is seen to by the journal.

    Args:
        sources: Each source with its files.
        engine: What samples them.
    """
    named = sorted({(name, _place(files)) for name, files in sources})
    return journal_of("samples", json.dumps(named), engine.fingerprint())


def _place(files: str | None) -> str:
    # A folder, file or glob is the same one from wherever it is named; a dataset on the Hub, too.
    from cb_datasets.sources.files.hub_rows import is_hub_repo

    if files is None:
        return ""
    return files if is_hub_repo(files) else os.path.abspath(os.path.expanduser(files))


def is_there(journal: str | os.PathLike[str]) -> bool:
    """Whether a journal was begun, as far as can be seen from here."""
    return "://" in str(journal) or Path(journal).exists()


@contextmanager
def said_how_to_go_on(journal: str | os.PathLike[str] | None) -> Iterator[None]:
    """Say, when the block ends badly, that what is in the journal is not lost."""
    try:
        yield
    except BaseException:
        if journal is not None and is_there(journal):
            warn("cb-datasets: finished samples are kept; the same command goes on from them")
        raise
