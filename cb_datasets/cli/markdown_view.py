"""Markdown as a terminal shows it: nothing in a table is cut off, however narrow it is."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markdown import Markdown, MarkdownElement, TableElement
from rich.table import Table
from rich.text import Text

_NAME = 24


class MarkdownView(Markdown):
    """What a console prints for Markdown; see `rich.markdown.Markdown`."""

    elements: ClassVar[dict[str, type[MarkdownElement]]]

    def __init__(self, text: str) -> None:
        super().__init__(text, hyperlinks=False)


class _WholeTable(TableElement):
    """A table in which no word is broken, if that can be had.

    Where its columns do not fit side by side its lines become the columns; where these do not fit
    either, each line is a table of its own; else words are folded.
    """

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        for table in super().__rich_console__(console, options):
            assert isinstance(table, Table)
            head, *lines = zip(*([each.header, *each.cells] for each in table.columns), strict=True)
            layouts = (
                [table],
                [_like(table, list(zip(head, *lines, strict=True)))],
                [_like(table, list(zip(head, line, strict=True))) for line in lines],
            )
            whole = (each for each in layouts if all(_fits(one, console, options) for one in each))
            for one in next(whole, layouts[0]):
                yield _folded(one)


def _like(table: Table, lines: Sequence[Sequence[RenderableType]]) -> Table:
    """A table of other lines, the first of them its head."""
    made = copy.copy(table)
    made.columns, made.rows = [], []
    justify = table.columns[-1].justify
    head, *others = ((_left(line[0]), *line[1:]) for line in lines)
    for number, name in enumerate(head):
        made.add_column(name, justify=justify if number else "left")
    for line in others:
        made.add_row(*line)
    return made


def _left(cell: RenderableType) -> RenderableType:
    """A cell as it stands in a column of names."""
    if isinstance(cell, Text):
        cell = cell.copy()
        cell.justify = "left"
    return cell


def _fits(table: Table, console: Console, options: ConsoleOptions) -> bool:
    needed = console.measure(table, options=options.update(max_width=10_000)).minimum
    return needed <= options.max_width


def _folded(table: Table) -> Table:
    """The table with long words folded, and its first column not if it holds short names."""
    for column in table.columns:
        column.overflow = "fold"
    names = table.columns[0]
    names.no_wrap = max((len(str(cell)) for cell in names.cells), default=0) <= _NAME
    return table


MarkdownView.elements = {**Markdown.elements, "table_open": _WholeTable}
