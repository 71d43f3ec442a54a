"""The rows of a build, each with the set that it is in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from cb_datasets.records import CircuitBreakerRow, EvalRow, PairRow, RejectedRow, RetainRow

SetRow: TypeAlias = (
    tuple[Literal["ds"], CircuitBreakerRow]
    | tuple[Literal["dr"], RetainRow]
    | tuple[Literal["pairs"], PairRow]
    | tuple[Literal["eval"], EvalRow]
    | tuple[Literal["rejected"], RejectedRow]
)
"""The name of a set, and a row of it."""


@dataclass(frozen=True, slots=True)
class SetRows:
    """All rows of a build, set by set."""

    ds: list[CircuitBreakerRow] = field(default_factory=list)
    dr: list[RetainRow] = field(default_factory=list)
    pairs: list[PairRow] = field(default_factory=list)
    eval: list[EvalRow] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)

    def add(self, row: SetRow) -> None:
        """Take a row into its set."""
        if row[0] == "ds":
            self.ds.append(row[1])
        elif row[0] == "dr":
            self.dr.append(row[1])
        elif row[0] == "pairs":
            self.pairs.append(row[1])
        elif row[0] == "eval":
            self.eval.append(row[1])
        else:
            self.rejected.append(row[1])
