"""The sources the library reads: one line each.

In: a name. Out: what is known about the source, and how it is read. A source is added by writing a
reader (`cb_datasets.sources.rows.ReadRow`) and one entry here.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cb_datasets.errors import SourceError
from cb_datasets.records import Scenario
from cb_datasets.sources.agentdojo import read_agentdojo
from cb_datasets.sources.rows import ReadRow


@dataclass(frozen=True, slots=True)
class Source:
    """A source of scenarios: read row by row from files, or built in.

    Attributes:
        name: What users call it.
        title: What it is, in one line.
        licence: Licence of the upstream data, as far as it is declared.
        url: Where it comes from.
        citation: How to cite it, if it asks for that.
        read_row: Reads a raw row; None for a source without files.
        built_in: Gives the scenarios of a source without files; None for one with files.
    """

    name: str
    title: str
    licence: str
    url: str
    citation: str = ""
    read_row: ReadRow | None = None
    built_in: Callable[[], Iterable[Scenario]] | None = None

    @property
    def needs_files(self) -> bool:
        """Whether `data_files` must be given."""
        return self.read_row is not None


def _demo() -> Iterable[Scenario]:
    # Loaded when asked for: the suite is large, and most reads are of files.
    from cb_datasets.sources.demo import demo_scenarios

    return demo_scenarios()


_SOURCES = (
    Source(
        name="agentdojo",
        title="AgentDojo traces: tool-using agents under prompt injection, real completions",
        licence="AgentDojo is MIT; exports of its traces may declare none",
        url="https://github.com/ethz-spylab/agentdojo",
        citation="arXiv:2406.13352",
        read_row=read_agentdojo,
    ),
    Source(
        name="demo",
        title="Built-in suite of harmless tool-flip scenarios, to run and test the pipeline",
        licence="Apache-2.0",
        url="built in",
        built_in=_demo,
    ),
)


def list_sources() -> list[str]:
    """Names of the sources that can be read.

    Example:
        >>> list_sources()
        ['agentdojo', 'demo']
    """
    return [source.name for source in _SOURCES]


def find_source(name: str) -> Source:
    """The source of that name.

    Raises:
        SourceError: If there is none; the message names those there are.

    Example:
        >>> find_source("agentdojo").needs_files
        True
        >>> find_source("agentdoyo")
        Traceback (most recent call last):
        ...
        cb_datasets.errors.SourceError: there is no source 'agentdoyo', did you mean 'agentdojo'? \
(known: agentdojo, demo)
    """
    for source in _SOURCES:
        if source.name == name:
            return source
    close = difflib.get_close_matches(str(name), list_sources(), n=1)
    hint = f", did you mean {close[0]!r}?" if close else ""
    raise SourceError(f"there is no source {name!r}{hint} (known: {', '.join(list_sources())})")
