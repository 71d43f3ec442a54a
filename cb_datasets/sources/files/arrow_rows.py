"""Arrow tables to rows of JSON values.

A struct's null members are left out: Arrow gives every struct of a column the members of all, and
a call would have the arguments of every other call. `Json()` columns are decoded to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from cb_datasets.quoting import reason_of
from cb_datasets.schema import JsonObject
from cb_datasets.sources.files.json_values import DECODER
from cb_datasets.sources.files.row_gaps import storable_row

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]
    from datasets import Dataset


def json_rows(dataset: Dataset) -> Iterator[JsonObject | ValueError]:
    """The rows of a dataset; see `table_rows`."""
    for table in dataset.with_format("arrow").iter(batch_size=256):
        yield from table_rows(table, dataset.features)


def table_rows(
    table: pa.Table | pa.RecordBatch, features: Mapping[str, Any]
) -> Iterator[JsonObject | ValueError]:
    """The rows of a table, without the columns of which JSON does not have the value.

    Args:
        table: The table.
        features: Those of `datasets`, of the columns that have one.
    """
    for row, reasons in _python_rows(table):
        decoded = {}
        for name, value in row.items():
            try:
                decoded[name] = _value(value, features.get(name))
            except ValueError as error:
                reasons[name] = str(error)
            except RecursionError:
                reasons[name] = "nested too deeply"
        try:
            yield storable_row(decoded, reasons)
        except ValueError as error:
            yield error


def _python_rows(
    table: pa.Table | pa.RecordBatch,
) -> Iterator[tuple[JsonObject, dict[str, str]]]:
    """The rows as Python values, each with the reasons of columns that have none."""
    try:
        rows = table.to_pylist()
    except (ValueError, OverflowError, NotImplementedError):
        # One text that is no text, one date beyond Python's, spoils them all.
        yield from (_python_row(table.slice(number, 1)) for number in range(table.num_rows))
        return
    yield from ((row, {}) for row in rows)


def _python_row(row: pa.Table | pa.RecordBatch) -> tuple[JsonObject, dict[str, str]]:
    values, reasons = {}, {}
    for name, column in zip(row.schema.names, row.columns, strict=True):
        try:
            (values[name],) = column.to_pylist()
        except UnicodeDecodeError:
            reasons[name] = "invalid UTF-8 in a text"
        except (ValueError, OverflowError, NotImplementedError) as error:
            reasons[name] = reason_of(error)
    return values, reasons


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
