"""`datasets` builders for Ds, Dr and the eval set; installed as `cb_datasets.builders`.

In: a config (a source, an engine, options). Out: the rows that `cb_datasets.build_sets` gives,
written and cached by `datasets`, or streamed. Imports in here are relative, since the folder has
another name when it is not installed.
"""

from __future__ import annotations

from .circuit_breaker_eval import CircuitBreakerEval
from .circuit_breaker_set import CircuitBreakerSet
from .config import SetConfig
from .retain_set import RetainSet

__all__ = ["CircuitBreakerEval", "CircuitBreakerSet", "RetainSet", "SetConfig"]
