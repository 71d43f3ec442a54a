"""The built-in suite of harmless tool-flip scenarios in a made-up world."""

from __future__ import annotations

from collections.abc import Iterable

from cb_datasets.records import Scenario
from cb_datasets.sources.source import Source


def _built_in() -> Iterable[Scenario]:
    # Loaded when asked for: the suite is large, and most reads are of files.
    from cb_datasets.sources.demo.source import demo_scenarios

    return demo_scenarios()


SOURCE = Source(
    name="demo",
    title="Built-in suite of harmless tool-flip scenarios, to run and test the pipeline",
    licence="Apache-2.0",
    url="built in",
    built_in=_built_in,
    recorded=False,
)
