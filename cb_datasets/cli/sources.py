"""`cb-datasets sources`: what can be read."""

from __future__ import annotations

from rich.table import Table

from cb_datasets.cli.console import show
from cb_datasets.sources import find_source, list_sources
from cb_datasets.terminal import shown


def sources() -> None:
    """List the sources, and what each needs."""
    table = Table(box=None, pad_edge=False)
    for column in ("source", "what it is", "files", "options", "licence"):
        table.add_column(column, overflow="fold")
    for name in list_sources():
        source = find_source(name)
        needs = f"--source {name}=PATH" if source.needs_files else "built in"
        if source.hub_repo:
            needs += f" or {name}={source.hub_repo}"
        cells = (name, source.title, needs, ", ".join(source.option_names), source.licence)
        table.add_row(*map(shown, cells))
    show(table)
