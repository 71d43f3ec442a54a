"""AgentHarm: improper requests to agents with their benign twins."""

from cb_datasets.sources.agentharm.source import SOURCE

__all__ = ["SOURCE"]
