"""The gates: whether Ds, Dr, pairs and eval are fit to train and to measure with.

In: rows. Out: a `GateReport`. Each gate recomputes from the raw text what it checks, names the rows
that fail, and says what to do. Gates 1 to 5 are those of the specification; the further ones are
about what training and measuring need beyond it, and are not run where rows do not say enough.
Other packages may add gates of theirs.
"""

from cb_datasets.gates.gate import GATES, Check, Gate, GateOptions, find_gates
from cb_datasets.gates.result import FailingRow, GateReport, GateResult, NotRun
from cb_datasets.gates.row import Failures, GatedRow
from cb_datasets.gates.run import GATED, run_gates

__all__ = [
    "GATED",
    "GATES",
    "Check",
    "FailingRow",
    "Failures",
    "Gate",
    "GateOptions",
    "GateReport",
    "GateResult",
    "GatedRow",
    "NotRun",
    "find_gates",
    "run_gates",
]
