"""Fujitsu agentic RAG red-team benchmark, B1 to B4."""

from cb_datasets.sources.fujitsu.b1 import SOURCE as B1
from cb_datasets.sources.fujitsu.b2 import SOURCE as B2
from cb_datasets.sources.fujitsu.b3 import SOURCE as B3
from cb_datasets.sources.fujitsu.b4 import SOURCE as B4

__all__ = ["B1", "B2", "B3", "B4"]
