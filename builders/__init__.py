"""`datasets` builders for Ds, Dr, pairs and the eval set; installed as `cb_datasets.builders`.

In: a config (a source, an engine, options). Out: the rows that `cb_datasets.build_sets` gives,
written and cached by `datasets`, or streamed.
"""

from __future__ import annotations

from cb_datasets.builders.circuit_breaker_eval import CircuitBreakerEval
from cb_datasets.builders.circuit_breaker_set import CircuitBreakerSet
from cb_datasets.builders.config import SetConfig
from cb_datasets.builders.pairs_set import PairsSet
from cb_datasets.builders.retain_set import RetainSet

__all__ = ["CircuitBreakerEval", "CircuitBreakerSet", "PairsSet", "RetainSet", "SetConfig"]
