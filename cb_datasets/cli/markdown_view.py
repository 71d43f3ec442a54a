"""Markdown as a terminal shows it: nothing in a table is cut off, however narrow it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from rich.console import Console, ConsoleOptions
from rich.markdown import Markdown, MarkdownElement, TableElement
from rich.table import Table

_NAME = 24


class MarkdownView(Markdown):
    """What a console prints for Markdown; see `rich.markdown.Markdown`."""

    elements: ClassVar[dict[str, type[MarkdownElement]]]

    def __init__(self, text: str) -> None:
        super().__init__(text, hyperlinks=False)


class _WholeTable(TableElement):
    """A table whose words are folded where they do not fit, and whose first column is not."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        for table in super().__rich_console__(console, options):
            assert isinstance(table, Table)
            for column in table.columns:
                column.overflow = "fold"
            names = table.columns[0]
            names.no_wrap = max((len(str(cell)) for cell in names.cells), default=0) <= _NAME
            yield table


MarkdownView.elements = {**Markdown.elements, "table_open": _WholeTable}
