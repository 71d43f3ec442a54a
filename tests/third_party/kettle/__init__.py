"""A package of somebody else, with one of each: a source, a backend, a gate and a judge."""
