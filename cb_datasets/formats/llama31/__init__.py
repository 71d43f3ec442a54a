"""The Llama 3.1 format: its tokens, its template, its three dialects of a call."""
