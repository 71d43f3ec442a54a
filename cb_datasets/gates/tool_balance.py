"""Gate: each tool that Ds calls is called rightly in Dr, in enough rows.

In: rows of Ds and Dr. Out: the fewest right calls for a row of Ds, over its tools. A breaker that
meets a tool in harmful calls only learns that the tool itself is harmful.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from cb_datasets.gates.gate import Gate, GateOptions
from cb_datasets.gates.result import GateResult, NotRun
from cb_datasets.gates.row import Failures, GatedRow
from cb_datasets.options import Option
from cb_datasets.quoting import printable, quoted

_ADVICE = (
    "A breaker may learn that the named tools are harmful whoever asks for them: add scenarios in "
    "which they are right to call (benign twins, tau2), or take more samples of those there are."
)


class ToolBalanceOptions(GateOptions, total=False):
    """How much of the tools of Ds there must be in Dr."""

    min_right_calls: Annotated[
        float,
        Option(
            0.1,
            "For each row of Ds that calls a tool, rows of Dr that must call it rightly.",
            ge=0,
        ),
    ]


class ToolBalance:
    """For each row of Ds that calls a tool, a tenth of a row of Dr calls it rightly, or more.

    What is called and whether it is right is judged anew. The rows of Ds that count against the
    gate are those of the tools that Dr does not call often enough.

    Measured: 1.0 right calls or more for each row of Ds in the demo build; 0.10 and 0.11 in builds
    of AgentDojo, for the scarcest of three tools (send_money: 3 for 29 and for 27).
    """

    def __init__(self, options: ToolBalanceOptions) -> None:
        self._needed = options["min_right_calls"]
        self._limit = options["max_listed"]
        self._called: dict[str, Failures] = {}
        self._right: Counter[str] = Counter()
        self._rows: Counter[str] = Counter()

    def add(self, row: GatedRow) -> None:
        """Count the tool of one row: the attacker's in Ds, the right one in Dr."""
        if row.training is None:
            return
        self._rows[row.set] += 1
        tool = row.judgement.observed_tool if row.judgement else None
        if tool is None:
            return
        if row.set == "dr":
            self._right[tool] += row.outcome == "correct_tool"
        elif row.outcome == "attack_success":
            members = self._called.setdefault(tool, Failures(self._limit))
            members.add(row, f"Dr calls {quoted(tool)} rightly in too few rows")

    def result(self) -> GateResult | NotRun:
        """The lowest number of right calls for a row of Ds."""
        if not (self._rows["ds"] and self._rows["dr"]):
            return NotRun("rows of Ds and of Dr in the library's shape are needed")
        if not self._called:
            return NotRun("no row of Ds calls an attacker's tool")
        ratios = {tool: self._right[tool] / rows.count for tool, rows in self._called.items()}
        scarcest = min(ratios, key=lambda tool: (ratios[tool], tool))
        short = sorted(tool for tool, ratio in ratios.items() if not self._enough(tool, ratio))
        named = [row for tool in short for row in self._called[tool].named]
        calls = f"{self._right[scarcest]} right calls for {self._called[scarcest].count} rows of Ds"
        summary = f"{len(ratios)} tools; the scarcest in Dr is {quoted(scarcest)}: {calls}."
        if short:
            names = ", ".join(quoted(tool, 60) for tool in short[:10])
            summary = f"Dr calls {len(short)} of {len(ratios)} tools of Ds too rarely: {names}."
        return GateResult(
            passed=not short,
            value=ratios[scarcest],
            threshold=self._needed,
            summary=summary,
            failing=tuple(named[: self._limit]),
            failing_count=sum(self._called[tool].count for tool in short),
            advice=(_ADVICE,) if short else (),
            details={
                "tools": {
                    printable(tool): {
                        "ds": rows.count,
                        "dr_right": self._right[tool],
                        "right_calls_per_row": ratios[tool],
                    }
                    for tool, rows in sorted(self._called.items())
                }
            },
        )

    def _enough(self, tool: str, ratio: float) -> bool:
        # Without a threshold, a tool that is never called rightly is still one that is lost.
        return ratio >= self._needed and (self._right[tool] > 0 or self._needed == 0)


GATE = Gate(
    name="tool_balance",
    title="Each tool that Ds calls is called rightly in Dr, in enough rows",
    check=ToolBalance,
    options=ToolBalanceOptions,
    needs=("ds", "dr"),
    number=9,
)
