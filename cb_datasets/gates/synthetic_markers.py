"""Gate 5: no completion is a label that a pipeline wrote for people to read.

In: rows of Ds and Dr. Out: how many hold a marker of such labels in `assistant_raw`; one is one
too many, since it shows that a template, and no model, wrote the row.
"""

from __future__ import annotations

import json
from collections import Counter

from cb_datasets.debug_labels import Marker, find_marker
from cb_datasets.gates.attack_evidence import offered_names
from cb_datasets.gates.criteria import expected_tools
from cb_datasets.gates.gate import Gate, GateOptions
from cb_datasets.gates.result import GateResult
from cb_datasets.gates.row import Failures, GatedRow, own_marks
from cb_datasets.quoting import printable

_ADVICE = (
    "Rows hold labels where a completion should be: no model emits these. Generate the completions "
    "with a model, and use the source's labels for grading only."
)
_CONTEXT = 20


class SyntheticMarkers:
    """The fifth gate of the specification: no marker in any `assistant_raw` of Ds or Dr.

    What tells a label from text that looks like it stands in `debug_labels`; names of tools are
    those that the row offers and calls.

    Measured: no completion of AgentDojo, AgentDyn, tau2 and the demo build holds one (with what is
    rejected), nor does any of their messages. Of the list in the tests 9 of 239 labels are missed,
    and 1 of 150 good texts fails; of lists written unseen, 5 of 40 and 1 of 40.

    A marker inside a call's argument fails too, even where the model may have quoted it from the
    prompt: such a row cannot be told from a label by its text, it is rare, and leaving it out costs
    nothing. The reason then says that the prompt holds the marker as well.
    """

    def __init__(self, options: GateOptions) -> None:
        self._failures = Failures(options["max_listed"])
        self._markers: Counter[str] = Counter()
        self._quoted = 0
        self._rows = 0

    def add(self, row: GatedRow) -> None:
        """Search one completion; eval rows have none."""
        if row.raw is None:
            return
        self._rows += 1
        found = find_marker(row.raw, _tool_names(row), own_marks(row.row))
        if found is None:
            return
        marker, at = found
        self._markers[marker.name] += 1
        reason = f"{marker.name} in assistant_raw: {_around(row.raw, at)}"
        if _in_prompt(row, marker):
            self._quoted += 1
            reason += " (it also stands in the prompt: the model may have quoted it)"
        self._failures.add(row, reason)

    def result(self) -> GateResult:
        """The number of rows with a marker."""
        count = self._failures.count
        return GateResult(
            passed=count == 0,
            value=count,
            threshold=0,
            summary=f"{count or 'None'} of {self._rows} completions "
            f"{'holds' if count in (0, 1) else 'hold'} a synthetic marker.",
            failing=tuple(self._failures.named),
            failing_count=count,
            advice=(_ADVICE,) if count else (),
            details={
                "rows": self._rows,
                "markers": dict(self._markers.most_common()),
                "also_in_prompt": self._quoted,
            },
        )


def _in_prompt(row: GatedRow, marker: Marker) -> bool:
    try:
        prompt = json.dumps(row.row.get("messages"), ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return False
    found = find_marker(prompt, _tool_names(row))
    return found is not None and found[0] == marker


def _tool_names(row: GatedRow) -> list[str]:
    """The names of tools that a row offers, calls and expects."""
    named: list[object] = [*offered_names(row.row)]
    named += [call.name for call in row.parsed.calls] if row.parsed else []
    named += expected_tools(row.row)
    return [name for name in named if isinstance(name, str)]


def _around(text: str, at: int) -> str:
    return printable(text[max(0, at - _CONTEXT) :], 3 * _CONTEXT)


GATE = Gate(
    name="synthetic_markers",
    title="No completion holds a debug label such as [TOOL_CALL]",
    check=SyntheticMarkers,
    reads=("ds", "dr"),
    number=5,
)
