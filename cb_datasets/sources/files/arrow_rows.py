"""Arrow tables to rows of JSON values.

A struct's null members are left out: Arrow gives every struct of a column the members of all, and
a call would have the arguments of every other call. `Json()` columns are decoded to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from cb_datasets.schema import JsonObject
from cb_datasets.sources.files.json_values import DECODER, check_storable

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]
    from datasets import Dataset, Features


def json_rows(dataset: Dataset) -> Iterator[JsonObject | ValueError]:
    """The rows of a dataset; see `table_rows`."""
    for table in dataset.with_format("arrow").iter(batch_size=256):
        yield from table_rows(table, dataset.features)


def table_rows(
    table: pa.Table | pa.RecordBatch, features: Features
) -> Iterator[JsonObject | ValueError]:
    """The rows of a table; in place of one that a dataset cannot store as JSON, the reason."""
    for row in _python_rows(table):
        try:
            if isinstance(row, ValueError):
                raise row
            decoded = {name: _value(value, features.get(name)) for name, value in row.items()}
            check_storable(decoded)
            yield decoded
        except ValueError as error:
            yield error
        except RecursionError:
            yield ValueError("nested too deeply")


def _python_rows(table: pa.Table | pa.RecordBatch) -> Iterator[JsonObject | ValueError]:
    try:
        rows = table.to_pylist()
    except ValueError:
        # One text that is no text spoils them all.
        for number in range(table.num_rows):
            try:
                yield from table.slice(number, 1).to_pylist()
            except UnicodeDecodeError:
                yield ValueError("invalid UTF-8 in a text")
            except ValueError as error:
                yield error
        return
    yield from rows


def _value(value: Any, feature: Any) -> Any:
    from datasets import Json

    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(feature, Json):
        # Once: a text in such a column is a JSON string, and what it holds is the reader's to know.
        return DECODER.decode(value) if isinstance(value, str) else value
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        inner = getattr(feature, "feature", None)
        return [_value(item, inner) for item in value]
    if isinstance(value, dict):
        kinds = feature if isinstance(feature, dict) else {}
        return {
            name: _value(item, kinds.get(name)) for name, item in value.items() if item is not None
        }
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    raise ValueError(f"a value of type {type(value).__name__}, which JSON does not have")
