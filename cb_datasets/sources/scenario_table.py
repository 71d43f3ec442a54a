"""Scenarios to a `Dataset` on disk, whatever their number.

In: scenarios, one at a time. Out: a memory-mapped `Dataset` with `record_features(Scenario)`, in a
file of the `datasets` cache that is named by its own content. What a scenario leaves out is null.

`Dataset.from_list` would hold all rows in memory, and gives a dataset without cache files, so that
no later `map` is cached. `Dataset.from_generator` caches by its arguments, and would serve old rows
when a file or a reader has changed. Here the rows are always read again; where the outcome is the
same, so are file and fingerprint, and the caches of later `map`s are hit; where anything has
changed, both are new, and nothing stale can be served.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from cb_datasets.errors import SourceError
from cb_datasets.quoting import reason_of
from cb_datasets.records import Scenario
from cb_datasets.schema import arrow_table, record_features
from cb_datasets.sources.scenario_keys import check_keys

if TYPE_CHECKING:
    from datasets import Dataset


_BATCH = 500


def write_scenarios(scenarios: Iterable[Scenario], source: str) -> Dataset:
    """A `Dataset` of scenarios, in their order.

    Args:
        scenarios: The scenarios, never held in memory together.
        source: Name of the source, for the folder in the cache.

    Raises:
        SourceError: If a scenario lacks a key or has a strange one, or the cache cannot be written.
    """
    return write_checked(map(_checked, scenarios), source)


def write_checked(scenarios: Iterable[Scenario], source: str) -> Dataset:
    """A `Dataset` of scenarios whose keys have been checked; else like `write_scenarios`."""
    import datasets
    from datasets.table import MemoryMappedTable

    folder = Path(datasets.config.HF_DATASETS_CACHE, "cb_datasets", source)
    # Not a name from `tempfile`, whose files nobody else who shares the cache could read.
    unfinished = folder / f"{uuid.uuid4().hex}.unfinished"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(scenarios, unfinished)
        content = _sha256(unfinished)
        path = folder / f"{content[:32]}.arrow"
        if not path.exists():
            os.replace(unfinished, path)
    except OSError as error:
        raise SourceError(
            f"the cache cannot be written ({reason_of(error)})", file=str(folder)
        ) from error
    finally:
        with suppress(OSError):
            unfinished.unlink()
    return datasets.Dataset(
        MemoryMappedTable.from_file(str(path)),
        info=datasets.DatasetInfo(features=record_features(Scenario)),
        fingerprint=content[:16],
    )


def _checked(scenario: Scenario) -> Scenario:
    check_keys(scenario)
    return scenario


def _write(scenarios: Iterable[Scenario], path: Path) -> None:
    from datasets.arrow_writer import ArrowWriter

    rest = iter(scenarios)
    with ArrowWriter(features=record_features(Scenario), path=str(path)) as writer:
        while batch := list(islice(rest, _BATCH)):
            writer.write_table(arrow_table(batch, Scenario))
        writer.finalize()


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()
