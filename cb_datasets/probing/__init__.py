"""The probe: whether the states in which harm is done can be told from those of good behaviour.

In: Ds, Dr, pairs and a model. Out: a `ProbeReport`: how well hidden states of Ds are separated from
those of Dr, and of harmful from those of right completions of one prompt, layer by layer, beside
baselines that look at no state. A circuit breaker can reroute only what its data elicits
(arXiv 2406.04313).
"""

from cb_datasets.probing.pairs import enough_pairs
from cb_datasets.probing.report import ProbeReport
from cb_datasets.probing.run import probe

__all__ = ["ProbeReport", "enough_pairs", "probe"]
