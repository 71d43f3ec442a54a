"""The Ray engine: the samples of another engine, from copies of it on a cluster."""
