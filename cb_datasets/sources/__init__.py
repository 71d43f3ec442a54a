"""Readers from upstream data to scenarios: one module per source, one registry, one way to read."""

from __future__ import annotations

from cb_datasets.sources.read_report import ReadReport
from cb_datasets.sources.reading import SourceRead, load_source, read_source
from cb_datasets.sources.registry import Source, find_source, list_sources
from cb_datasets.sources.scenario_table import write_scenarios

__all__ = [
    "ReadReport",
    "Source",
    "SourceRead",
    "find_source",
    "list_sources",
    "load_source",
    "read_source",
    "write_scenarios",
]
