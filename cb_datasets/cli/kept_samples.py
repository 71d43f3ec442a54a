"""Where a command keeps its finished samples unless told, and how it says that it can go on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cb_datasets.cli.console import warn


def journal_of(command: str, *names: Path | str | None) -> Path:
    """A folder in the cache, the same one whenever the same command is given again."""
    import datasets

    where = [str(n.absolute()) if isinstance(n, Path) else n for n in names]
    name = hashlib.sha256(json.dumps([command, *where]).encode()).hexdigest()[:16]
    return Path(datasets.config.HF_DATASETS_CACHE, "cb_datasets", "journals", name)


@contextmanager
def said_how_to_go_on(journal: str | os.PathLike[str] | None) -> Iterator[None]:
    """Say, when the block ends badly, that what is in the journal is not lost."""
    try:
        yield
    except BaseException:
        if journal is not None and ("://" in str(journal) or Path(journal).exists()):
            warn("cb-datasets: finished samples are kept; the same command goes on from them")
        raise
