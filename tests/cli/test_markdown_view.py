"""Reports on a terminal: laid out, with nothing cut off."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

import cb_datasets.cli.console
from cb_datasets.cli.console import show_markdown
from cb_datasets.markdown import Markdown, heading, strong, table

_NAMES = ["instruction_override", "a name that is much longer than any column could ever be"]
_HEADS = ["", "attack success rate, per sample", "counted", "groups", "95 %", "by groups"]
_REPORT = "\n\n".join(
    [
        heading(2, "By category"),
        strong("Valid"),
        table(_HEADS, [[name, "43% (16% to 75%, n=7)", 1, 2, 3, 4] for name in _NAMES], "lrrrrr"),
        Markdown("see &#38;#27;[2J"),
    ]
)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_report_is_laid_out_on_a_terminal_and_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    plain = Console(file=terminal, width=80, color_system=None, soft_wrap=True)
    monkeypatch.setattr(cb_datasets.cli.console, "_OUT", plain)
    show_markdown(_REPORT)
    shown = terminal.getvalue()
    assert "##" not in shown
    assert "**" not in shown
    assert "|" not in shown
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    said = shown.split()
    assert all(word in said for name in _NAMES for word in name.split())
    assert "&#27;[2J" in shown


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_word_of_a_wide_table_is_broken(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lines become columns, or tables of their own: the probe's, a report's by tool."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    plain = Console(file=terminal, width=width, color_system=None, soft_wrap=True)
    monkeypatch.setattr(cb_datasets.cli.console, "_OUT", plain)
    heads = [f"neighbourhood{column}" for column in range(12)]
    for count in (2, 9):
        lines = [[f"measurements{line}x{column}" for column in range(12)] for line in range(count)]
        show_markdown(table(heads, lines, "l" + "r" * 11))
    said = terminal.getvalue().split()
    assert all(
        said.count(f"measurements{line}x{column}") for line in range(9) for column in range(12)
    )
    assert "neighbourhood11" in said
    assert max(map(len, terminal.getvalue().splitlines())) <= width


def test_elsewhere_it_is_markdown_for_other_programs(capsys: pytest.CaptureFixture[str]) -> None:
    show_markdown(_REPORT)
    assert capsys.readouterr().out == _REPORT + "\n"
