"""Reports in a dataset folder: an evaluation, a probe, whatever else was measured on its sets.

In: a folder and what a report says, as data, Markdown and pictures. Out: the folder with the
report's files, a section of the card, and a manifest that knows of them; whole or not at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cb_datasets.dataset.card_parts import read_card, with_part
from cb_datasets.dataset.folder import read_folder
from cb_datasets.dataset.gate_inputs import EVALUATION
from cb_datasets.dataset.gate_renewal import GATES_NAME, renewed_gates, with_gates
from cb_datasets.dataset.manifest import MANIFEST_NAME, file_facts, read_manifest, write_manifest
from cb_datasets.dataset.whole import copy_folder, reserved, whole_folder
from cb_datasets.errors import BuildError
from cb_datasets.markdown import heading, inline
from cb_datasets.quoting import reason_of

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_PICTURE = re.compile(r"[A-Za-z0-9][\w.-]*\.(png|svg)")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})(.*)")


def attach_report(
    folder: str | Path,
    name: str,
    data: Mapping[str, Any],
    markdown: str,
    pictures: Mapping[str, bytes] | None = None,
) -> None:
    """Put a report into a dataset folder, in the place of one of the same name.

    `reports/NAME.json` holds its data, `reports/NAME/` its pictures; the card gets a section with
    the Markdown, and with the pictures that the Markdown does not show itself. A report called
    "evaluation" decides the positive control, which `gates.json` and the card then tell alike.

    Args:
        folder: The dataset folder; it is replaced as a whole, so that nobody sees half a report.
        name: What the report is called: "evaluation", "probe".
        data: The report as plain JSON data.
        markdown: The report for people. Its headings are put below the section's own; it shows a
            picture as `![words](FILE)`.
        pictures: PNG or SVG files by their names.

    Raises:
        BuildError: It is no dataset folder, it holds a link, a name or the data do not fit, or the
            folder cannot be written.

    Example:
        >>> attach_report(
        ...     "out", "probe", {"auc": 0.97}, "AUC 0.97", {"roc.png": picture}
        ... )  # doctest: +SKIP
    """
    folder, pictures = Path(folder).resolve(), dict(pictures or {})
    if not _NAME.fullmatch(name):
        raise BuildError(f"a report is called a lower case word such as 'probe', not {name!r}")
    for picture in pictures:
        if not _PICTURE.fullmatch(picture):
            raise BuildError(f"{picture!r} is no name of a picture (expected NAME.png or NAME.svg)")
    try:
        text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise BuildError(
            f"the data of the report {name!r} are no plain JSON ({reason_of(error)})"
        ) from None
    new = {f"reports/{name}.json": text.encode()}
    new |= {f"reports/{name}/{picture}": content for picture, content in pictures.items()}
    # Reserved before it is read, so that no report comes between and is lost.
    with reserved(folder, overwrite=True):
        card = read_card((folder / "README.md").read_text(encoding="utf-8"))
        if name == EVALUATION.stem:
            gates = renewed_gates(folder, data, _sets(folder))
            text = json.dumps(gates.to_dict(), indent=2, ensure_ascii=False) + "\n"
            new[GATES_NAME] = text.encode()
            card = with_gates(card, gates)
        section = _section(name, markdown, pictures)
        new["README.md"] = with_part(card, f"report-{name}", section).text.encode()
        _renew(folder, f"reports/{name}", new)


def _sets(folder: Path) -> dict[str, Any]:
    return dict(read_folder(folder))


def _renew(folder: Path, own: str, new: Mapping[str, bytes]) -> None:
    """Put new files into a folder, in the place of all that were a report's own."""
    manifest = read_manifest(folder)
    with whole_folder(folder, overwrite=True) as unfinished:
        renewed = (f"{own}/", f"{own}.json", MANIFEST_NAME, *new)
        copy_folder(folder, unfinished, leave_out=renewed)
        files = {
            path: facts
            for path, facts in manifest["files"].items()
            if path != f"{own}.json" and not path.startswith(f"{own}/")
        }
        for path, content in new.items():
            (unfinished / path).parent.mkdir(parents=True, exist_ok=True)
            (unfinished / path).write_bytes(content)
            # Only these: a file that was changed behind the manifest's back stays found out.
            files[path] = file_facts(unfinished / path)
        write_manifest(unfinished, {**manifest, "files": dict(sorted(files.items()))})


def _section(name: str, markdown: str, pictures: Mapping[str, bytes]) -> str:
    body = _below(markdown)
    for picture in pictures:
        at = f"reports/{name}/{picture}"
        if f"]({picture})" in body:
            body = body.replace(f"]({picture})", f"]({at})")
        elif at not in body:
            words = inline(picture.rpartition(".")[0].replace("_", " "))
            body += f"\n\n![{words}]({at})"
    return f"{heading(2, name.replace('_', ' ').replace('-', ' ').capitalize())}\n\n{body}"


def _below(markdown: str) -> str:
    """Markdown whose highest heading is of the third level, and that leaves no block open."""
    lines, levels, fence = markdown.strip("\n").split("\n"), {}, ""
    for number, line in enumerate(lines):
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) and not mark[2].strip() else fence
        elif mark:
            fence = mark[1]
        elif found := re.match(r"#+(?= )", line):
            levels[number] = len(found[0])
    more = max(0, 3 - min(levels.values(), default=3))
    for number, level in levels.items():
        lines[number] = "#" * min(6, level + more) + lines[number][level:]
    return "\n".join([*lines, fence] if fence else lines)
