"""What is known of Fujitsu's agentic RAG red-team benchmark, for each of its parts B1 to B4."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cb_datasets.options import NoOptions
from cb_datasets.sources.rows import ReadRow
from cb_datasets.sources.source import TABLES, Source

_REPO = "Fujitsu/agentic-rag-redteam-bench"
_URL = f"https://huggingface.co/datasets/{_REPO}"


def part(
    name: str,
    title: str,
    make_reader: Callable[..., ReadRow],
    *,
    recorded: bool = True,
    options: type[Mapping[str, Any]] = NoOptions,
) -> Source:
    """The source of one part.

    Args:
        name: `fujitsu_b1` to `fujitsu_b4`.
        title: What is in it.
        make_reader: See `Source`, as for the next two.
        recorded: Whether its rows hold completions.
        options: The options of `make_reader`.
    """
    config = name.removeprefix("fujitsu_").upper()
    return Source(
        name=name,
        title=f"Fujitsu agentic RAG red-team benchmark, {config}: {title}",
        licence="CC BY 4.0, gated on the Hub",
        url=_URL,
        citation=f"Fujitsu, agentic RAG red-team benchmark, {_URL}, CC BY 4.0",
        make_reader=make_reader,
        recorded=recorded,
        options=options,
        suffixes=TABLES,
        hub_repo=_REPO,
        hub_config=config,
    )
