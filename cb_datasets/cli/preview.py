"""`cb-datasets preview`: a few records, as a person wants to read them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from rich.rule import Rule
from rich.text import Text

from cb_datasets.cli.console import quiet_libraries, show
from cb_datasets.cli.lasting_output import heard
from cb_datasets.cli.row_filter import RowFilter
from cb_datasets.errors import BuildError
from cb_datasets.quoting import printable
from cb_datasets.terminal import shown, shown_lines

if TYPE_CHECKING:
    pass

_CONTROL = re.compile(r"<\|[a-z_]+\|>")
_LONG = 1200
_WHICH = "Which rows"


def preview(
    folder: Annotated[Path, typer.Argument(help="A dataset folder.")],
    config: Annotated[
        Optional[str],  # noqa: UP045 - typer reads the annotation at run time on Python 3.10
        typer.Option(
            help="ds, dr, pairs, eval or rejected. Default: ds; with one of the filters below "
            "all in which it means something",
            rich_help_panel=_WHICH,
            show_default=False,
        ),
    ] = None,
    row_id: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--id", help="Of a row, or of its scenario.", rich_help_panel=_WHICH),
    ] = None,
    reason: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Why it is in `rejected`.", rich_help_panel=_WHICH),
    ] = None,
    category: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Category of the attack.", rich_help_panel=_WHICH),
    ] = None,
    outcome: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="What the judge made of the completion.", rich_help_panel=_WHICH),
    ] = None,
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="How many.")] = 3,
    start: Annotated[int, typer.Option(min=0, help="The first of them.")] = 0,
    full: Annotated[bool, typer.Option("--full", help="Do not shorten long texts.")] = False,
) -> None:
    """Print a few records, special tokens visible."""
    from cb_datasets.dataset.folder import CONFIGS, read_folder

    if config is not None and config not in CONFIGS:
        raise BuildError(f"there is no config {config!r}; known are {', '.join(CONFIGS)}")
    wanted = RowFilter(id=row_id, reason=reason, category=category, outcome=outcome)
    names = [config or "ds"]
    if config is None and wanted:
        names = wanted.configs() or list(CONFIGS)
    quiet_libraries()
    sets = read_folder(folder)
    found = [(name, number) for name in names for number in wanted.rows(name, sets[name])]
    if not found and wanted:
        raise BuildError(wanted.nothing({name: sets[name] for name in names}))
    if start >= len(found):
        what = "of them" if wanted else f"rows in {names[0]}"
        raise BuildError(f"there are {len(found)} {what}; --start {start} is past their end")
    for place, (name, number) in enumerate(found[start : start + rows], start + 1):
        title = f"{name} {number + 1} of {len(sets[name])}"
        if wanted:
            title += f", {place} of {len(found)} found"
        _print_row(sets[name][number], title, full=full)
        if not heard():
            return


def _print_row(row: dict[str, Any], title: str, *, full: bool) -> None:
    heading = shown(f"{title}  {row.get('id') or row['scenario_id']}")
    show(Rule(heading, align="left"))
    names = [tool.get("function", tool).get("name") for tool in row.get("tools") or []]
    if names:
        show(_labelled("tools", ", ".join(printable(name, None) for name in names), "dim"))
    for message in row.get("messages") or []:
        show(_labelled(message["role"], _message(message), "cyan", full=full))
    if row.get("prefill"):
        show(_labelled("forced to begin with", row["prefill"], "yellow"))
    if row.get("assistant_raw"):
        show(_labelled("completion", row["assistant_raw"], "bold", full=full))
    for name in ("chosen", "rejected"):
        if side := row.get(name):
            label = f"{name}, {row['chosen_origin']}" if name == "chosen" else name
            show(_labelled(label, side["assistant_raw"], "bold", full=full))
    for key in ("labels", "success_criteria"):
        if row.get(key):
            show(_labelled(key, json.dumps(row[key], ensure_ascii=False), "green"))
    if row.get("reason"):
        show(_labelled("left out", f"{row['reason']}: {row['detail']}", "red"))
    show()


def _message(message: dict[str, Any]) -> str:
    content = message.get("content")
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    calls = message.get("tool_calls") or []
    return "\n".join(filter(None, [text if content else "", *map(_call, calls)]))


def _call(call: dict[str, Any]) -> str:
    function = call.get("function", call)
    arguments = json.dumps(function.get("arguments"), ensure_ascii=False)
    return f"→ {function.get('name')}({arguments})"


def _labelled(label: str, text: str, style: str, *, full: bool = True) -> Text:
    short = text if full or len(text) <= _LONG else f"{text[:_LONG]}… ({len(text)} characters)"
    line = shown(f"{label}: ", style)
    body = shown_lines(short)
    # Special tokens stand out from the text they delimit.
    body.highlight_regex(_CONTROL, "reverse magenta")
    return line.append_text(body)
