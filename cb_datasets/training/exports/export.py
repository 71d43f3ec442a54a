"""What an export for a trainer is, and which there are.

In: a name. Out: an `Export`. An export is one module in here that holds an `Export`; another
package adds one with an entry point of the group `cb_datasets.exports`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import FormatError
from cb_datasets.options import NoOptions
from cb_datasets.registry import Registry

if TYPE_CHECKING:
    from cb_datasets.sets import Sets
    from cb_datasets.training.exports.gathered import Gathered
    from cb_datasets.training.own_ids import OwnIds


@dataclass(frozen=True, slots=True)
class Table:
    """A table that a trainer reads.

    Attributes:
        record: Its columns.
        file: Where it is written, below the folder of the export: `.jsonl`, `.json` or `.csv`.
    """

    record: type
    file: str


@dataclass(frozen=True, slots=True)
class Export:
    """The sets in the shape of a trainer.

    Attributes:
        name: What it is called.
        title: What trains on it, in one line.
        tables: Its tables, by name; nothing can be trained where the first has no rows.
        make: Puts the rows of sets into the tables: gets the sets, the ids of rows, what gathers
            the rows, and all options by their names.
        options: Its options.
        needs_tokenizer: Whether ids alone do not do.
    """

    name: str
    title: str
    tables: Mapping[str, Table]
    make: Callable[[Sets, OwnIds, Gathered, Any], None]
    options: type[Mapping[str, Any]] = NoOptions
    needs_tokenizer: bool = False


EXPORTS = Registry(
    Export,
    "export",
    room="cb_datasets.training.exports",
    group="cb_datasets.exports",
    error=FormatError,
)
