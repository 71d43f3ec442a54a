"""What all commands share: where they print, how they end, and how long work is shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, RenderableType
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

from cb_datasets.quoting import printable
from cb_datasets.terminal import shown

_OUT = Console(soft_wrap=True)
_ERR = Console(stderr=True, soft_wrap=True)

FAILED = 1
WRONG_INPUT = 2


def say(sentence: str) -> None:
    """Print a sentence, in which upstream text is text."""
    _OUT.print(shown(sentence))


def warn(sentence: str) -> None:
    """Print a sentence on standard error, in which upstream text is text."""
    _ERR.print(shown(sentence))


def show(*parts: RenderableType) -> None:
    """Print what is laid out: tables, rules, and texts of `cb_datasets.terminal`."""
    _OUT.print(*parts)


def say_json(data: Any) -> None:
    """Print data as JSON, with everything unprintable escaped as JSON escapes it."""
    text = json.dumps(data, indent=2, ensure_ascii=False)
    print("".join(c if c == "\n" or c.isprintable() else json.dumps(c)[1:-1] for c in text))


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
            self._bar.update(self._task, note=printable(text, None))


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
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=_ERR, transient=True) as bar:
        yield Shown(bar, bar.add_task(title, total=total, note=""))


def quiet_libraries() -> None:
    """Keep the progress bars and notices of the libraries below out of the way."""
    import datasets
    from transformers.utils import logging as transformers_logging

    datasets.disable_progress_bars()
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
