"""Readers from upstream data to scenarios: one module or folder a source, one way to read."""

from __future__ import annotations

from cb_datasets.sources.read_report import ReadReport
from cb_datasets.sources.reading import SourceRead, load_source, read_source
from cb_datasets.sources.rows import ReadRow, RowPlace, SkipRow
from cb_datasets.sources.scenario_table import write_scenarios
from cb_datasets.sources.source import SOURCES, Source, find_source, list_sources

__all__ = [
    "SOURCES",
    "ReadReport",
    "ReadRow",
    "RowPlace",
    "SkipRow",
    "Source",
    "SourceRead",
    "find_source",
    "list_sources",
    "load_source",
    "read_source",
    "write_scenarios",
]
