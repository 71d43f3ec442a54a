"""All gates over all sets, each row read once.

In: Ds, Dr and eval as rows. Out: a `GateReport`. A gate keeps counts and the first rows that fail;
only leakage and effective_size keep more, a few hundred bytes for each distinct text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from cb_datasets.errors import GateError
from cb_datasets.gates.distribution import Distribution
from cb_datasets.gates.effective_size import EffectiveSize
from cb_datasets.gates.format_validity import FormatValidity
from cb_datasets.gates.harmful_rate import HarmfulRate
from cb_datasets.gates.label_agreement import LabelAgreement
from cb_datasets.gates.leakage import Leakage
from cb_datasets.gates.length_match import LengthMatch
from cb_datasets.gates.options import GateOptions, gate_options
from cb_datasets.gates.positive_control import PositiveControl
from cb_datasets.gates.result import GateReport, GateResult, NotRun
from cb_datasets.gates.retain_coverage import RetainCoverage
from cb_datasets.gates.row import GatedRow, gated_rows
from cb_datasets.gates.synthetic_markers import SyntheticMarkers
from cb_datasets.gates.token_fidelity import TokenFidelity
from cb_datasets.gates.tool_balance import ToolBalance


class Gate(Protocol):
    """What a gate is: it sees every row of its sets once, and then says what it found."""

    name: str

    def add(self, row: GatedRow) -> None:
        """See one row."""

    def result(self) -> GateResult | NotRun:
        """What was found in the rows seen, or why nothing can be said of them."""


class _NewGate(Protocol):
    name: str

    def __call__(self, options: GateOptions) -> Gate: ...


_Sets = tuple[str, ...]
_GATES: tuple[tuple[_NewGate, _Sets, _Sets], ...] = (
    (FormatValidity, (), ("ds", "dr", "eval")),
    (HarmfulRate, ("ds",), ()),
    (Distribution, ("ds",), ()),
    (RetainCoverage, ("dr",), ()),
    (SyntheticMarkers, (), ("ds", "dr")),
    (TokenFidelity, (), ("ds", "dr", "eval")),
    (LabelAgreement, (), ("ds", "dr", "rejected")),
    (Leakage, ("eval",), ("ds", "dr")),
    (ToolBalance, ("ds", "dr"), ()),
    (LengthMatch, ("ds", "dr"), ()),
    (EffectiveSize, (), ("ds", "dr")),
    (PositiveControl, ("ds",), ("eval",)),
)
"""The gates, each with the sets that it needs, and those of which it needs one, or takes what is
there if it needs others."""

Rows = Iterable[Mapping[str, Any]]


def run_gates(
    ds: Rows | None = None,
    dr: Rows | None = None,
    eval: Rows | None = None,
    *,
    rejected: Rows | None = None,
    **options: Any,
) -> GateReport:
    """Check the sets: the five gates of the specification, and seven further ones.

    Every gate recomputes what it checks from `assistant_raw` and the token ids; labels are claims.
    A gate whose set is not given is not run, which the report says; a set that is given and empty
    fails. Rows in the minimal shape of the specification hold too little for the further gates,
    which are then not run: the five decide.

    Args:
        ds: The circuit breaker set: a `Dataset`, an `IterableDataset`, a mapping of splits to
            these, or any iterable of dict rows, in the library's shape or in the minimal shape of
            the specification (as read back from JSONL).
        dr: The retain set.
        eval: The eval set; its prompts and criteria are checked by the format gate.
        rejected: What is in none of them: how often a source's own flag says something else than
            the calls is counted there.
        **options: Thresholds and what gates need, see `GateOptions`: `format_validity=0.95`,
            `harmful_rate=0.8`, `max_category_share=0.8`, `threat_model={category: share}`,
            `tokenizer=`, `evaluation=`, …

    Returns:
        The report: `.passed`, `.results[name]`, `.to_dict()`, `.to_markdown()`.

    Raises:
        GateError: If no set is given, one is no set of rows, or an option is unknown or makes no
            sense. A gate that fails is a result and raises nothing.

    Example:
        >>> row = {"id": "a", "assistant_raw": "[TOOL_CALL] search_web"}
        >>> report = run_gates(ds=[row])
        >>> report.results["synthetic_markers"].failing_ids
        ('a',)
    """
    given = {"ds": ds, "dr": dr, "eval": eval, "rejected": rejected}
    sets = {name: rows for name, rows in given.items() if rows is not None}
    if not sets.keys() - {"rejected"}:
        raise GateError("there is nothing to check: give ds, dr or eval")
    checked = gate_options(options)
    skipped = {new.name: _missing(needed, some, sets) for new, needed, some in _GATES}
    gates = {
        new.name: (new(checked), {*needed, *some})
        for new, needed, some in _GATES
        if skipped[new.name] is None
    }
    counts = dict.fromkeys(sets, 0)
    for name, rows in sets.items():
        looking = [gate for gate, wanted in gates.values() if name in wanted]
        for row in gated_rows(rows, name, checked.judge):
            counts[name] += 1
            for gate in looking:
                gate.add(row)
    results = {}
    for name, (gate, _) in gates.items():
        found = gate.result()
        if isinstance(found, NotRun):
            skipped[name] = found.reason
        else:
            results[name] = found
    reasons = {name: reason for name, reason in skipped.items() if reason is not None}
    return GateReport(results=results, rows=counts, skipped=reasons)


def _missing(needed: _Sets, some: _Sets, sets: Mapping[str, Rows]) -> str | None:
    """Why a gate cannot be run on these sets, or None."""
    if absent := [name for name in needed if name not in sets]:
        return f"{' and '.join(absent)} not given"
    if not any(name in sets for name in (*needed, *some)):
        return f"{' and '.join(some)} not given"
    return None
