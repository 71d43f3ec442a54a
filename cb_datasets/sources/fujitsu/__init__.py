"""Fujitsu agentic RAG red-team benchmark, B1 to B4."""
