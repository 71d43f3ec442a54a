"""What all commands share: where they print, and how they end."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console, RenderableType

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


def show_markdown(text: str) -> None:
    """Print Markdown: laid out on a terminal, as it is elsewhere, for other programs."""
    if not sys.stdout.isatty():
        print(text)
        return
    from cb_datasets.cli.markdown_view import MarkdownView

    _OUT.print(MarkdownView(text), soft_wrap=False)


def say_json(data: Any) -> None:
    """Print data as JSON, with everything unprintable escaped as JSON escapes it."""
    text = json.dumps(data, indent=2, ensure_ascii=False)
    print("".join(c if c == "\n" or c.isprintable() else json.dumps(c)[1:-1] for c in text))


def quiet_libraries() -> None:
    """Keep the progress bars and notices of the libraries below out of the way."""
    import datasets
    from transformers.utils import logging as transformers_logging

    datasets.disable_progress_bars()
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
