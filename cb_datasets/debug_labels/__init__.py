"""Labels that pipelines wrote for people to read, where a completion should be.

In: a text, and the names of tools where they are known. Out: the first marker of such a label in
it, or None. No model emits these, so a completion that holds one was written by a template.

A label is told from prose that looks like it by how it is written, not by one word: it names a tool
or what an agent did, is written in capitals or as an identifier, or has a line of its own.
"""

from __future__ import annotations

from cb_datasets.debug_labels.find import find_marker
from cb_datasets.debug_labels.markers import MARKERS, Marker

__all__ = ["MARKERS", "Marker", "find_marker"]
