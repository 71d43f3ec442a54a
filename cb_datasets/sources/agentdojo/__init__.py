"""AgentDojo traces."""
