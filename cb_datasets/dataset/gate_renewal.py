"""An evaluation that is attached to a folder decides its positive control: in all that says so.

In: a folder, and an evaluation. Out: the folder's gate report and card with that gate renewed. The
other gates are of the rows, which stay as they are, and keep what the build found.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cb_datasets.dataset.card_parts import Card, with_part
from cb_datasets.errors import BuildError, GateError
from cb_datasets.gates import GateReport, find_gates
from cb_datasets.gates.positive_control import GATE
from cb_datasets.gates.result import GateResult, NotRun
from cb_datasets.gates.row import gated_rows
from cb_datasets.options import checked

GATES_NAME = "gates.json"
_SECTION = re.compile(r"(?<=\n)## Gates\n\n.*?(?=\n## |\Z)", re.DOTALL)


def renewed_gates(
    folder: Path, evaluation: Mapping[str, Any], sets: Mapping[str, Any]
) -> GateReport:
    """The gate report of a folder with its positive control by an evaluation.

    Args:
        folder: The folder.
        evaluation: `EvalReport.to_dict()`.
        sets: The rows of the folder's sets.

    Raises:
        BuildError: The folder has no gate report, or the evaluation is none.
    """
    try:
        found = json.loads((folder / GATES_NAME).read_text(encoding="utf-8"))
        report = GateReport.from_dict(found)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise BuildError(f"{folder / GATES_NAME}: this is no gate report") from None
    now = _positive_control(evaluation, sets)
    results = {name: one for name, one in report.results.items() if name != GATE.name}
    skipped = {name: why for name, why in report.skipped.items() if name != GATE.name}
    if isinstance(now, NotRun):
        skipped[GATE.name] = now.reason
    else:
        results[GATE.name] = now
    order = [gate.name for gate in find_gates()]
    known = {name: results[name] for name in order if name in results}
    return GateReport(results={**known, **results}, rows=report.rows, skipped=skipped)


def with_gates(card: Card, report: GateReport) -> Card:
    """The card with its section of the gates renewed, where it has one of ours."""
    text = card.parts.get("dataset")
    if text is None:
        return card
    section = f"## Gates\n\n{report.to_markdown()}"
    return with_part(card, "dataset", _SECTION.sub(lambda _: section, text, count=1))


def _positive_control(
    evaluation: Mapping[str, Any], sets: Mapping[str, Any]
) -> GateResult | NotRun:
    try:
        options = checked(GATE.options, {"evaluation": evaluation}, GateError)
    except GateError as error:
        raise BuildError(f"the report called 'evaluation' is none ({error})") from None
    check = GATE.check(options)
    for name in ("ds", "eval"):
        for row in gated_rows(sets[name], name):
            check.add(row)
    found = check.result()
    if isinstance(found, NotRun):
        return found
    return GateResult.from_dict(GATE.name, found.to_dict())
