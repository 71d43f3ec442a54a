"""The rows of a Parquet file.

In: a `DataFile`. Out: what `JsonlFile` gives for JSONL; a row's line is its number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from cb_datasets.errors import SourceError
from cb_datasets.schema import JsonObject
from cb_datasets.sources.files.arrow_rows import table_rows
from cb_datasets.sources.files.data_files import DataFile
from cb_datasets.sources.files.json_values import check_storable
from cb_datasets.sources.rows import MalformedLine, RawRow, RowPlace

_BATCH_ROWS = 256


class ParquetRows:
    """The rows of one file; `sha256`, `size` and `lines` are known when they have been read.

    Attributes:
        sha256: Of the file's bytes as they lie on disk.
        size: Number of those bytes.
        lines: Number of rows.
    """

    def __init__(self, file: DataFile) -> None:
        self.path = file.path
        self.name = file.name
        self.sha256 = ""
        self.size = 0
        self.lines = 0
        self._file = file

    def __iter__(self) -> Iterator[RawRow | MalformedLine]:
        """Read the file.

        Raises:
            SourceError: If it cannot be read.
        """
        self.lines = 0
        self._hash()
        for row in self._rows():
            self.lines += 1
            try:
                if isinstance(row, ValueError):
                    raise row
                check_storable(row)
            except (ValueError, RecursionError) as error:
                yield MalformedLine(self.name, self.lines, str(error))
            else:
                yield RawRow(RowPlace(self.name, self.lines), row)

    def _hash(self) -> None:
        digest = hashlib.sha256()
        self.size = 0
        with self._file.open() as stream:
            while block := stream.read(2**20):
                digest.update(block)
                self.size += len(block)
        self.sha256 = digest.hexdigest()

    def _rows(self) -> Iterator[JsonObject | ValueError]:
        import pyarrow as pa  # type: ignore[import-untyped]
        import pyarrow.parquet as pq  # type: ignore[import-untyped]
        from datasets import Features

        with self._file.open() as stream:
            try:
                parquet = pq.ParquetFile(stream)
                features = Features.from_arrow_schema(parquet.schema_arrow)
                for batch in parquet.iter_batches(_BATCH_ROWS):
                    yield from table_rows(batch, features)
            except (pa.ArrowException, OSError, ValueError) as error:
                reason = " ".join(str(error).split())[:200] or type(error).__name__
                raise SourceError(
                    f"the Parquet file cannot be read ({reason})", file=self.path
                ) from error
