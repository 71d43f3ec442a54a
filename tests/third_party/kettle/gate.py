"""Whether what is made is strong enough."""

from __future__ import annotations

from typing import Annotated

from cb_datasets.gates import Failures, Gate, GatedRow, GateOptions, GateResult, NotRun
from cb_datasets.options import Option


class StrengthOptions(GateOptions, total=False):
    """How strong it must be."""

    min_strength: Annotated[int, Option(2, "What each call must ask for at the least.", ge=1)]


class Strength:
    def __init__(self, options: StrengthOptions) -> None:
        self.needed = options["min_strength"]
        self.failures = Failures(options["max_listed"])
        self.seen: list[int] = []

    def add(self, row: GatedRow) -> None:
        for call in row.parsed.calls if row.parsed else ():
            self.seen.append(call.arguments["strength"])
            if self.seen[-1] < self.needed:
                self.failures.add(row, f"the strength is {self.seen[-1]}")

    def result(self) -> GateResult | NotRun:
        if not self.seen:
            return NotRun("no row calls anything")
        return GateResult(
            passed=not self.failures.count,
            value=min(self.seen),
            threshold=self.needed,
            summary=f"The weakest of {len(self.seen)} is {min(self.seen)}.",
            failing=tuple(self.failures.named),
            failing_count=self.failures.count,
            advice=("Boil it longer.",) if self.failures.count else (),
        )


GATE = Gate(
    name="strength",
    title="Every call asks for something strong",
    check=Strength,
    options=StrengthOptions,
    reads=("ds", "dr"),
)
