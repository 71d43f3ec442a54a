"""τ²-bench and τ-bench runs."""
