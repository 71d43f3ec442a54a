"""What a source is, and which there are.

In: a name. Out: what is known about the source, and how it is read. A source is one module or
folder in here that holds a `Source`; another package adds one with an entry point of the group
`cb_datasets.sources` that loads a `Source`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cb_datasets.errors import SourceError
from cb_datasets.options import NoOptions, checked, options_of
from cb_datasets.records import Scenario
from cb_datasets.registry import Registry
from cb_datasets.sources.files.data_files import SUFFIXES, DataFile
from cb_datasets.sources.rows import ReadRow, RowFile

TABLES = (*SUFFIXES, ".json", ".parquet")
"""The suffixes of all formats that are read: JSON Lines, JSON documents and Parquet."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source of scenarios: read row by row from files or the Hub, or built in.

    Attributes:
        name: What users call it.
        title: What it is, in one line.
        licence: Licence of the upstream data, as far as it is declared.
        url: Where it comes from.
        citation: How to cite it, if it asks for that.
        keep_private: Why what is made of it may not be published; empty where it may.
        make_reader: Makes, from all of its options, the reader of its rows; None for a source
            without files. It is called once a read: what an option names is opened here.
        built_in: Gives the scenarios of a source without files; None for one with files.
        recorded: Whether its rows hold completions of models; those of a source that has none have
            to be sampled.
        options: The options that `make_reader` takes.
        suffixes: What a folder is searched for, each with `.gz` too.
        records_key: Name of the list of records, where upstream wraps them into a JSON object.
        open_files: Opens the files, where they have to be read together; None opens each by
            itself.
        hub_repo: The dataset's repo id on the Hub, if it is there.
        hub_config: What the names of its configs there begin with, where the repo has others too.
    """

    name: str
    title: str
    licence: str
    url: str
    citation: str = ""
    keep_private: str = ""
    make_reader: Callable[..., ReadRow] | None = None
    built_in: Callable[[], Iterable[Scenario]] | None = None
    recorded: bool = True
    options: type[Mapping[str, Any]] = NoOptions
    suffixes: tuple[str, ...] = SUFFIXES
    records_key: str | None = None
    open_files: Callable[[Sequence[DataFile]], Iterable[RowFile]] | None = None
    hub_repo: str | None = None
    hub_config: str = ""

    @property
    def needs_files(self) -> bool:
        """Whether `data_files` must be given."""
        return self.make_reader is not None

    @property
    def option_names(self) -> tuple[str, ...]:
        """Names of its options."""
        return tuple(options_of(self.options))

    def reader(self, **options: Any) -> ReadRow:
        """A reader of its rows.

        Raises:
            SourceError: It has no such option, a value makes no sense, a file that an option names
                cannot be read, or the source has no rows.

        Example:
            >>> find_source("agentdojo").reader(turns="last")
            Traceback (most recent call last):
            ...
            cb_datasets.errors.SourceError: turns is 'last'; it must be one of all, first, decisive
        """
        given = checked(self.options, options, SourceError, of=f"the source {self.name!r}")
        if self.make_reader is None:
            raise SourceError(f"the source {self.name!r} is built in and reads no rows")
        return self.make_reader(**given)


SOURCES = Registry(
    Source,
    "source",
    room="cb_datasets.sources",
    group="cb_datasets.sources",
    error=SourceError,
)


def list_sources() -> list[str]:
    """Names of the sources that can be read.

    Example:
        >>> list_sources()  # doctest: +NORMALIZE_WHITESPACE
        ['agentdojo', 'agentharm', 'demo', 'fujitsu_b1', 'fujitsu_b2', 'fujitsu_b3', 'fujitsu_b4', \
'generic', 'rollouts', 'tau2']
    """
    return SOURCES.names()


def find_source(name: str) -> Source:
    """The source of that name.

    Raises:
        SourceError: If there is none; the message names those there are.

    Example:
        >>> find_source("agentdojo").needs_files
        True
        >>> find_source("agentdoyo")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        cb_datasets.errors.SourceError: there is no source 'agentdoyo', did you mean 'agentdojo'? \
(known: agentdojo, agentharm, ...
    """
    return SOURCES.find(name)
