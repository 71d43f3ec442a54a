"""Anyone's conversations with tool calls, read by a mapping of columns."""

from cb_datasets.sources.generic.source import SOURCE

__all__ = ["SOURCE"]
