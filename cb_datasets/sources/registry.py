"""The sources the library reads: one line each.

In: a name. Out: what is known about the source, and how it is read. A source is added by writing a
reader (`cb_datasets.sources.rows.ReadRow`) and one entry here; another package adds one with an
entry point of the group `cb_datasets.sources` that loads a `Source`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points

from cb_datasets.errors import SourceError
from cb_datasets.quoting import error_line
from cb_datasets.records import Scenario
from cb_datasets.sources.agentdojo.source import read_agentdojo
from cb_datasets.sources.agentharm.source import read_agentharm
from cb_datasets.sources.files.data_files import SUFFIXES, DataFile
from cb_datasets.sources.fujitsu.b1 import read_fujitsu_b1
from cb_datasets.sources.fujitsu.b2 import read_fujitsu_b2
from cb_datasets.sources.fujitsu.b3 import read_fujitsu_b3
from cb_datasets.sources.fujitsu.b4 import read_fujitsu_b4
from cb_datasets.sources.generic.source import read_generic
from cb_datasets.sources.rows import ReadRow, RowFile
from cb_datasets.sources.tau2.files import open_tau2_files
from cb_datasets.sources.tau2.source import read_tau2

ENTRY_POINTS = "cb_datasets.sources"
"""The group of entry points by which other packages add sources."""


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
        read_row: Reads a raw row; None for a source without files.
        built_in: Gives the scenarios of a source without files; None for one with files.
        recorded: Whether its rows hold completions of models; those of a source that has none have
            to be sampled.
        options: Names of the keyword options that `read_row` takes.
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
    read_row: ReadRow | None = None
    built_in: Callable[[], Iterable[Scenario]] | None = None
    recorded: bool = True
    options: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = SUFFIXES
    records_key: str | None = None
    open_files: Callable[[Sequence[DataFile]], Iterable[RowFile]] | None = None
    hub_repo: str | None = None
    hub_config: str = ""

    @property
    def needs_files(self) -> bool:
        """Whether `data_files` must be given."""
        return self.read_row is not None


def _demo() -> Iterable[Scenario]:
    # Loaded when asked for: the suite is large, and most reads are of files.
    from cb_datasets.sources.demo.source import demo_scenarios

    return demo_scenarios()


_FUJITSU = "Fujitsu/agentic-rag-redteam-bench"
_FUJITSU_URL = f"https://huggingface.co/datasets/{_FUJITSU}"
_TABLES = (*SUFFIXES, ".json", ".parquet")


def _fujitsu(number: int, title: str, read_row: ReadRow, *options: str) -> Source:
    return Source(
        name=f"fujitsu_b{number}",
        title=f"Fujitsu agentic RAG red-team benchmark, B{number}: {title}",
        licence="CC BY 4.0, gated on the Hub",
        url=_FUJITSU_URL,
        citation=f"Fujitsu, agentic RAG red-team benchmark, {_FUJITSU_URL}, CC BY 4.0",
        read_row=read_row,
        recorded=number != 4,
        options=options,
        suffixes=_TABLES,
        hub_repo=_FUJITSU,
        hub_config=f"B{number}",
    )


_SOURCES = (
    Source(
        name="agentdojo",
        title="AgentDojo traces: tool-using agents under prompt injection, real completions",
        licence="AgentDojo is MIT; exports of its traces may declare none",
        url="https://github.com/ethz-spylab/agentdojo",
        citation="AgentDojo: A Dynamic Environment to Evaluate Prompt Injection Attacks and "
        "Defenses for LLM Agents, arXiv:2406.13352",
        read_row=read_agentdojo,
        options=("turns",),
    ),
    Source(
        name="agentharm",
        title="AgentHarm: improper requests to agents with their benign twins, prompts only",
        licence="MIT with a clause: for improving the safety and security of AI systems only; its "
        "authors ask for evaluation use; canary, not to be republished",
        url="https://huggingface.co/datasets/ai-safety-institute/AgentHarm",
        citation="AgentHarm: A Benchmark for Measuring Harmfulness of LLM Agents, arXiv:2410.09024",
        keep_private="it carries a canary, and its authors ask that it is not republished",
        read_row=read_agentharm,
        recorded=False,
        options=("config",),
        suffixes=(*SUFFIXES, ".json"),
        records_key="behaviors",
        hub_repo="ai-safety-institute/AgentHarm",
    ),
    Source(
        name="demo",
        title="Built-in suite of harmless tool-flip scenarios, to run and test the pipeline",
        licence="Apache-2.0",
        url="built in",
        built_in=_demo,
        recorded=False,
    ),
    _fujitsu(1, "poisoned documents, real answers", read_fujitsu_b1),
    _fujitsu(2, "poisoned images, real answers", read_fujitsu_b2),
    _fujitsu(3, "improper requests, real answers", read_fujitsu_b3),
    _fujitsu(4, "tool-flip attacks, labels only", read_fujitsu_b4, "system_prompt"),
    Source(
        name="generic",
        title="Anyone's conversations with tool calls, read by a mapping of columns",
        licence="the data's own",
        url="your own",
        read_row=read_generic,
        options=("mapping", "turns"),
        suffixes=_TABLES,
    ),
    Source(
        name="tau2",
        title="τ²-bench and τ-bench runs: an agent at work for a customer, real completions",
        licence="τ²-bench and τ-bench are MIT",
        url="https://github.com/sierra-research/tau2-bench",
        citation="τ²-Bench: Evaluating Conversational Agents in a Dual-Control Environment, "
        "arXiv:2506.07982",
        read_row=read_tau2,
        options=("turns", "tools"),
        suffixes=(*SUFFIXES, ".json"),
        open_files=open_tau2_files,
    ),
)


@cache
def _of_other_packages() -> dict[str, Source]:
    found = {}
    for point in entry_points(group=ENTRY_POINTS):
        try:
            source = point.load()
        except Exception as error:
            raise SourceError(
                f"the entry point {point.name!r} of {ENTRY_POINTS} cannot be loaded "
                f"({error_line(error)})"
            ) from error
        if not isinstance(source, Source):
            raise SourceError(
                f"the entry point {point.name!r} of {ENTRY_POINTS} is a "
                f"{type(source).__name__}, expected a cb_datasets.sources.Source"
            )
        found[source.name] = source
    return found


def _sources() -> dict[str, Source]:
    # A package may add a source, and not put another in the place of one that is here.
    own = {source.name: source for source in _SOURCES}
    return dict(sorted({**_of_other_packages(), **own}.items()))


def list_sources() -> list[str]:
    """Names of the sources that can be read.

    Example:
        >>> list_sources()  # doctest: +NORMALIZE_WHITESPACE
        ['agentdojo', 'agentharm', 'demo', 'fujitsu_b1', 'fujitsu_b2', 'fujitsu_b3', 'fujitsu_b4', \
'generic', 'tau2']
    """
    return list(_sources())


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
    if found := _sources().get(name):
        return found
    close = difflib.get_close_matches(str(name), list_sources(), n=1)
    hint = f", did you mean {close[0]!r}?" if close else ""
    raise SourceError(f"there is no source {name!r}{hint} (known: {', '.join(list_sources())})")
