"""The server engine: samples from an OpenAI-compatible endpoint."""
