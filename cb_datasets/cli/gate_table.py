"""The report for a terminal: a rich table, and the failing rows below it.

In: a `GateReport`. Out: what a console prints. Imported where it is used, so that reports need no
terminal.
"""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cb_datasets.gates.result import DRY_RUN_ADVICE, GateReport, GateResult
from cb_datasets.terminal import shown

_ROWS_SHOWN = 5


def report_table(report: GateReport) -> Table:
    """One line per gate.

    Example:
        >>> from cb_datasets.gates import run_gates
        >>> report_table(run_gates(ds=[])).row_count
        13
    """
    table = Table(box=None, pad_edge=False)
    table.add_column("gate")
    table.add_column("")
    table.add_column("value", justify="right")
    table.add_column("threshold", justify="right")
    table.add_column("finding", overflow="fold")
    for result in report.results.values():
        table.add_row(
            shown(result.name),
            Text("pass", "green") if result.passed else Text("FAIL", "bold red"),
            f"{result.value:.4g}",
            f"{result.threshold:.4g}",
            shown(result.summary),
        )
    for name, reason in report.skipped.items():
        table.add_row(shown(name), Text("not run", "dim"), "", "", shown(reason, "dim"))
    return table


def render_report(report: GateReport) -> RenderableType:
    """The table; for each failed gate its first failing rows and its advice.

    Example:
        >>> from rich.console import Console
        >>> from cb_datasets.gates import run_gates
        >>> Console(no_color=True).print(render_report(run_gates(ds=[])))  # doctest: +SKIP
    """
    parts: list[RenderableType] = [report_table(report)]
    for result in report.results.values():
        if not result.passed and (result.failing or result.advice):
            parts += _failure(result)
    parts += [Text(), shown(report.verdict)]
    if not report.passed:
        parts.append(Text(DRY_RUN_ADVICE))
    return Group(*parts)


def _failure(result: GateResult) -> list[RenderableType]:
    lines: list[RenderableType] = [Text(), shown(result.name, "bold")]
    for row in result.failing[:_ROWS_SHOWN]:
        lines.append(shown(f"  {row.set} {row.id}: {row.reason}"))
    if (more := result.failing_count - _ROWS_SHOWN) > 0:
        lines.append(Text(f"  and {more} more"))
    lines += [shown(f"  → {piece}") for piece in result.advice]
    return lines
