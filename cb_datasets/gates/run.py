"""All gates over all sets, each row read once.

In: Ds, Dr, pairs and eval as rows. Out: a `GateReport`. A gate keeps counts and the first rows that
fail; only leakage, effective_size and pairs keep more, a few hundred bytes for each distinct text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cb_datasets.errors import CBDatasetsError, GateError
from cb_datasets.gates.gate import GATES, Check, Gate, GateOptions, find_gates, in_order
from cb_datasets.gates.result import GateReport, GateResult, NotRun
from cb_datasets.gates.row import gated_rows
from cb_datasets.judge.outcome import Judge
from cb_datasets.options import checked, options_of, takes, unknown_option
from cb_datasets.quoting import error_line

Rows = Iterable[Mapping[str, Any]]

GATED = ("ds", "dr", "pairs", "eval")
"""The sets that are checked, in the order in which gates see them."""


@takes(*(gate.options for gate in in_order(GATES.built_in.values())))
def run_gates(
    ds: Rows | None = None,
    dr: Rows | None = None,
    eval: Rows | None = None,
    *,
    pairs: Rows | None = None,
    rejected: Rows | None = None,
    **options: Any,
) -> GateReport:
    """Check the sets: the five gates of the specification, eight further ones, and those of others.

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
        pairs: What is right and what is harmful under one prompt; each side is judged anew.
        rejected: What is in none of them: how often a source's own flag says something else than
            the calls is counted there.
        **options: Options of the gates, those that other packages add among them.

    Returns:
        The report: `.passed`, `.results[name]`, `.to_dict()`, `.to_markdown()`.

    Raises:
        GateError: If no set is given, one is no set of rows, an option is unknown or makes no
            sense, or a gate cannot be loaded. A gate that fails is a result and raises nothing.

    Example:
        >>> row = {"id": "a", "assistant_raw": "[TOOL_CALL] search_web"}
        >>> report = run_gates(ds=[row])
        >>> report.results["synthetic_markers"].failing_ids
        ('a',)
    """
    given = {"ds": ds, "dr": dr, "pairs": pairs, "eval": eval, "rejected": rejected}
    sets = {name: rows for name, rows in given.items() if rows is not None}
    if not sets.keys() - {"rejected"}:
        raise GateError("there is nothing to check: give ds, dr, pairs or eval")
    gates = find_gates()
    chosen = _chosen(gates, options)
    skipped = {gate.name: _missing(gate, sets) for gate in gates}
    checks = {
        gate.name: (gate.check(chosen[gate.name]), {*gate.needs, *gate.reads})
        for gate in gates
        if skipped[gate.name] is None
    }
    judge = checked(GateOptions, _part(options, GateOptions), GateError)["judge"]
    counts = _see_all(sets, checks, judge)
    results = {}
    for name, (check, _) in checks.items():
        found = _told(name, check)
        if isinstance(found, NotRun):
            # Of sets without a row no gate knows more.
            skipped[name] = found.reason if any(counts.values()) else "there are no rows"
        else:
            results[name] = replace(found, name=name)
    reasons = {name: reason for name, reason in skipped.items() if reason is not None}
    return GateReport(results=results, rows=counts, skipped=reasons)


def _chosen(gates: Sequence[Gate], given: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """All options of each gate, those given checked.

    Raises:
        GateError: See `run_gates`.
    """
    known = {name: gate for gate in gates for name in options_of(gate.options)}
    if strange := [name for name in given if name not in known]:
        raise GateError(unknown_option(strange[0], known))
    return {
        gate.name: checked(gate.options, _part(given, gate.options), GateError) for gate in gates
    }


def _part(given: Mapping[str, Any], concern: type) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name in options_of(concern)}


def _see_all(
    sets: Mapping[str, Rows], checks: Mapping[str, tuple[Check, set[str]]], judge: Judge | None
) -> dict[str, int]:
    """Show each row to the checks that want it; the number of rows by set."""
    counts = dict.fromkeys(sets, 0)
    for name, rows in sets.items():
        looking = [(gate, check) for gate, (check, wanted) in checks.items() if name in wanted]
        for row in gated_rows(rows, name, judge):
            counts[name] += 1
            for gate, check in looking:
                try:
                    check.add(row)
                except Exception as error:
                    _blame(gate, error, f" at {row.id} of {row.set}")
                    raise
    return counts


def _told(gate: str, check: Check) -> GateResult | NotRun:
    try:
        return check.result()
    except Exception as error:
        _blame(gate, error)
        raise


def _blame(gate: str, error: Exception, where: str = "") -> None:
    """Say in one sentence which gate of another package has broken; the library's own are bugs."""
    if gate not in GATES.built_in and not isinstance(error, CBDatasetsError):
        what = error_line(error)
        raise GateError(f"the gate {gate!r} broke{where} ({what})") from error


def _missing(gate: Gate, sets: Mapping[str, Rows]) -> str | None:
    """Why a gate cannot be run on these sets, or None."""
    if absent := [name for name in gate.needs if name not in sets]:
        return f"{' and '.join(absent)} not given"
    if not any(name in sets for name in (*gate.needs, *gate.reads)):
        return f"{' and '.join(gate.reads)} not given"
    return None
