"""AgentHarm: improper requests to agents with their benign twins."""
