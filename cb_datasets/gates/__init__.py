"""The gates: whether Ds, Dr and eval are fit to train and to measure with.

In: rows. Out: a `GateReport`. Each gate recomputes from the raw text what it checks, names the rows
that fail, and says what to do. Gates 1 to 5 are those of the specification; the further ones are
about what training and measuring need beyond it, and are not run where rows do not say enough.
"""

from cb_datasets.gates.options import GateOptions
from cb_datasets.gates.result import FailingRow, GateReport, GateResult
from cb_datasets.gates.run import run_gates

__all__ = ["FailingRow", "GateOptions", "GateReport", "GateResult", "run_gates"]
