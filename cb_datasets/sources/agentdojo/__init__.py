"""AgentDojo traces."""

from cb_datasets.sources.agentdojo.source import SOURCE

__all__ = ["SOURCE"]
