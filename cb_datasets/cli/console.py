"""What all commands share: where they print, how they end, and how long work is shown."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

OUT = Console(soft_wrap=True)
ERR = Console(stderr=True, soft_wrap=True)

FAILED = 1
WRONG_INPUT = 2


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f}/s" if task.speed else "")


class Shown:
    """What is being shown: call it with the number that has just been done."""

    def __init__(self, bar: Progress | None = None, task: TaskID | None = None) -> None:
        self._bar, self._task = bar, task

    def __call__(self, done: int) -> None:
        """So many more are done."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, done)

    def note(self, text: str) -> None:
        """Show a text behind the bar."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, note=text)


@contextmanager
def progress(title: str, total: int) -> Iterator[Shown]:
    """A bar with rate and ETA on standard error; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield Shown()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=ERR, transient=True) as bar:
        yield Shown(bar, bar.add_task(title, total=total, note=""))


def quiet_libraries() -> None:
    """Keep the progress bars and notices of the libraries below out of the way."""
    import datasets
    from transformers.utils import logging as transformers_logging

    datasets.disable_progress_bars()
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
