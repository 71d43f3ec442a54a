"""τ²-bench and τ-bench runs."""

from cb_datasets.sources.tau2.source import SOURCE

__all__ = ["SOURCE"]
