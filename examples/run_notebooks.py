"""Run the notebooks and keep their outputs and pictures in them.

    python examples/run_notebooks.py                        # all, written anew
    python examples/run_notebooks.py --check NOTEBOOK ...   # an error where they are old

A check asks that every cell runs and gives outputs of the kinds that are kept (text, picture, ...):
their numbers are those of the machine that wrote them.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
NOTEBOOKS = [
    *sorted((HERE / "notebooks").glob("*.ipynb")),
    HERE / "does_it_break_the_circuit" / "does_it_break_the_circuit.ipynb",
]
# Rows are stamped with a day: that of the release.
os.environ.setdefault("SOURCE_DATE_EPOCH", "1767225600")


def run(path: Path) -> Any:
    """A notebook as it is after a run in its own folder."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=900, record_timing=False, resources={"metadata": {"path": path.parent}}
    )
    client.execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = joined([tidy(output) for output in cell.outputs if kept(output)])
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}
    return notebook


def kept(output: Any) -> bool:
    """Whether an output is more than a warning or a bar of progress."""
    widget = "application/vnd.jupyter.widget-view+json"
    return output.get("name") != "stderr" and widget not in output.get("data", {})


def tidy(output: Any) -> Any:
    """An output without the name of a scratch folder."""
    if "text" in output:
        output.text = re.sub(r"[^\s'\"(]*/tmp\w*/(?:[\w.-]+/)?", "", output.text)
    return output


def joined(outputs: list[Any]) -> list[Any]:
    """Outputs in which what was printed in a row is one, in however many pieces it came."""
    found: list[Any] = []
    for output in outputs:
        if found and output.output_type == found[-1].output_type == "stream":
            found[-1].text += output.text
        else:
            found.append(output)
    return found


def kinds(notebook: Any) -> list[tuple[str, list[str]]]:
    """Each cell with code, and the kinds of its outputs."""
    return [
        (
            cell.source,
            [kind for output in cell.outputs for kind in sorted(output.get("data", ["text"]))],
        )
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, default=NOTEBOOKS)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    old = []
    for path in options.notebooks:
        notebook = run(path)
        if not options.check:
            nbformat.write(notebook, path)
        elif kinds(notebook) != kinds(nbformat.read(path, as_version=4)):
            old.append(path.name)
        print(path.name, flush=True)
    if old:
        sys.exit(f"kept outputs are not of these cells: {', '.join(old)}; run {sys.argv[0]}")


if __name__ == "__main__":
    main()
