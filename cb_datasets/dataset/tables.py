"""What of the sets goes into a folder: their rows, and how they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from datasets import Dataset


class SetTables(Protocol):
    """The tables of a build, as account, statistics and card read them; `Sets` is one."""

    @property
    def ds(self) -> Dataset:
        """Rows of `records.CircuitBreakerRow`."""

    @property
    def dr(self) -> Dataset:
        """Rows of `records.RetainRow`."""

    @property
    def pairs(self) -> Dataset:
        """Rows of `records.PairRow`."""

    @property
    def eval(self) -> Dataset:
        """Rows of `records.EvalRow`."""

    @property
    def rejected(self) -> Dataset:
        """Rows of `records.RejectedRow`."""

    @property
    def facts(self) -> dict[str, Any]:
        """Engine, sampling and template, as they go into manifest and card."""
