"""The rows of a Parquet file.

In: a `DataFile`. Out: a `RowFile`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import SourceError
from cb_datasets.quoting import reason_of
from cb_datasets.schema import JsonObject
from cb_datasets.sources.files.arrow_rows import table_rows
from cb_datasets.sources.files.data_files import DataFile
from cb_datasets.sources.files.file_bytes import FileBytes
from cb_datasets.sources.rows import RowFile

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

_BATCH_ROWS = 256


class ParquetRows(RowFile):
    """The rows of one file; the line of a row is its number."""

    def __init__(self, file: DataFile) -> None:
        super().__init__(file.path, file.name)
        self._file = file

    def _rows(self) -> Iterator[tuple[int, JsonObject | ValueError]]:
        with self._file.open() as stream:
            raw = FileBytes(stream)
            while raw.read(2**20):
                pass
        self.sha256, self.size = raw.sha256, raw.size
        yield from enumerate(self._table_rows(), 1)

    def _table_rows(self) -> Iterator[JsonObject | ValueError]:
        import pyarrow as pa
        import pyarrow.parquet as pq  # type: ignore[import-untyped]

        with self._file.open() as stream:
            try:
                parquet = pq.ParquetFile(stream)
                features = _features(parquet.schema_arrow)
                for batch in parquet.iter_batches(_BATCH_ROWS):
                    yield from table_rows(batch, features)
            except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
                raise SourceError(
                    f"the Parquet file cannot be read ({reason_of(error)})", file=self.path
                ) from error


def _features(schema: pa.Schema) -> dict[str, Any]:
    """What `datasets` takes the columns for, as far as it knows their types."""
    import pyarrow as pa
    from datasets import Features

    try:
        return dict(Features.from_arrow_schema(schema))
    except Exception:  # the notes of another library, or of a stranger, are read there, too
        found: dict[str, Any] = {}
    for field in schema:
        try:
            found |= Features.from_arrow_schema(pa.schema([field]))
        except (ValueError, TypeError, NotImplementedError):
            continue
    return found
