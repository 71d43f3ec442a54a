"""The transformers engine: a model in this process, with nothing to install beside torch."""
