"""What speaks to the Hub: a dataset folder pushed as a version, and versions loaded again."""

from __future__ import annotations

from cb_datasets.hub.load import load_sets
from cb_datasets.hub.push import Pushed, push_to_hub

__all__ = ["Pushed", "load_sets", "push_to_hub"]
