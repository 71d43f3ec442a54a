"""`cb-datasets`: the commands, and the one place where errors become a sentence and an exit code.

Exit codes: 0 fine, 1 a gate or a check failed, 2 the user's input is wrong, 130 interrupted.
"""

from __future__ import annotations

import sys

import typer

from cb_datasets.cli.build import build
from cb_datasets.cli.console import WRONG_INPUT, say, warn
from cb_datasets.cli.doctor import doctor
from cb_datasets.cli.evaluate import evaluate
from cb_datasets.cli.export import export
from cb_datasets.cli.gate import gate
from cb_datasets.cli.interrupts import interruptible
from cb_datasets.cli.lasting_output import lasting_output
from cb_datasets.cli.merge import merge
from cb_datasets.cli.one_set import TITLES, one_set
from cb_datasets.cli.preview import preview
from cb_datasets.cli.probe import probe
from cb_datasets.cli.push import push
from cb_datasets.cli.report import report
from cb_datasets.cli.rollout import rollout
from cb_datasets.cli.sources import sources
from cb_datasets.errors import CBDatasetsError
from cb_datasets.version import __version__

app = typer.Typer(
    name="cb-datasets",
    help="Build, check and look at circuit breaker datasets for tool-using language models.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for group, commands in {
    "Make a dataset": (build, merge, rollout),
    "Check it": (gate, evaluate, probe),
    "Look at it and share it": (preview, report, export, push),
    "What there is": (sources, doctor),
}.items():
    for command in commands:
        app.command(rich_help_panel=group)(command)
for name in TITLES:
    app.command(name, rich_help_panel="Make a dataset")(one_set(name))


def _version(value: bool) -> None:
    if value:
        say(f"cb_datasets {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    with lasting_output(), interruptible():
        _run()


def _run() -> None:
    try:
        app()
    except CBDatasetsError as error:
        warn(f"cb-datasets: {error}")
        sys.exit(WRONG_INPUT)


if __name__ == "__main__":
    main()
