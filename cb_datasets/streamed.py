"""The rows of a dataset in one pass, without keeping its file in memory.

`Dataset.iter` reads through a memory map, and every page it has touched counts as memory of the
process until the system wants it back. A dataset that is whole files is read from these instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]
    from datasets import Dataset


def streamed_tables(
    dataset: Dataset, columns: Sequence[str], batch_size: int = 1000
) -> Iterator[pa.Table]:
    """The named columns of a dataset, in the order of its rows, so many rows at a time.

    Args:
        dataset: The dataset.
        columns: Names of its columns.
        batch_size: Most rows of a table.
    """
    import pyarrow as pa

    files = _whole_files(dataset)
    if files is None:
        light = dataset.select_columns(list(columns)).with_format("arrow")
        yield from light.iter(batch_size=batch_size)
        return
    for file in files:
        with pa.OSFile(file) as stream, pa.ipc.open_stream(stream) as reader:
            for batch in reader:
                table = pa.Table.from_batches([batch]).select(list(columns))
                for start in range(0, len(table), batch_size):
                    yield table.slice(start, batch_size)


def _whole_files(dataset: Dataset) -> list[str] | None:
    """The files that a dataset is, one after the other; None if it is anything else."""
    from datasets.table import MemoryMappedTable

    if dataset._indices is not None:
        return None
    blocks: list[Any] = [dataset.data]
    if hasattr(dataset.data, "blocks"):
        rows = dataset.data.blocks
        if any(len(row) != 1 for row in rows):
            return None
        blocks = [row[0] for row in rows]
    for block in blocks:
        if not isinstance(block, MemoryMappedTable):
            return None
        # What was cut out of a file, renamed or cast is done anew whenever it is mapped.
        if any(name != "replace_schema_metadata" for name, *_ in block.replays or ()):
            return None
    return [block.path for block in blocks]
