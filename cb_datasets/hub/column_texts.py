"""The texts that stand in a column, however deep: what is looked through before rows leave.

In: a column of a table. Out: arrays of its texts with the paths to them, and the row of a text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]


def row_of(values: pa.Array, text: str) -> int | None:
    """The number of the first row that holds a text; None where it stands under a null."""
    rows = enumerate(values.to_pylist())
    return next((number for number, value in rows if text in _strings(value)), None)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _strings(part)


def texts_of(name: str, values: pa.Array) -> Iterator[tuple[str, pa.Array]]:
    """The texts in a column, by the path to them."""
    import pyarrow as pa

    waiting = [(name, values)]
    while waiting:
        path, array = waiting.pop()
        if isinstance(array, pa.ExtensionArray):
            array = array.storage
        if pa.types.is_struct(array.type):
            # Not `flatten`: it cannot apply a parent's nulls to JSON columns.
            fields = range(array.type.num_fields)
            waiting += [(f"{path}.{array.type.field(n).name}", array.field(n)) for n in fields]
        elif pa.types.is_map(array.type):
            waiting += [(path, array.keys), (path, array.items)]
        elif pa.types.is_dictionary(array.type):
            waiting.append((path, array.dictionary))
        elif pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
            waiting.append((path, array.values))
        elif pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
            yield path, array
