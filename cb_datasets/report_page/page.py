"""The page itself: a folder read, its rows counted and packed, a template filled.

In: a dataset folder. Out: one HTML file. Its content security policy allows the one script and
the one style sheet that are in it, by their hashes, and pictures that are in it; nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.dataset.folder import CONFIGS, read_folder
from cb_datasets.dataset.gate_inputs import recorded_judge
from cb_datasets.dataset.manifest import MANIFEST_NAME
from cb_datasets.dataset.tokenizer_at_hand import NO_IDS, tokenizer_at_hand
from cb_datasets.dataset.whole import whole_file
from cb_datasets.errors import BuildError
from cb_datasets.gates import GATED, run_gates
from cb_datasets.hub.place import dataset_folder
from cb_datasets.quoting import printable
from cb_datasets.report_page.attached import attached_reports
from cb_datasets.report_page.figures import UNKNOWN, Figures, two_digits
from cb_datasets.report_page.packed_records import PIECE, PackedRecords, chosen, script_json
from cb_datasets.report_page.packed_tokens import PackedTokens
from cb_datasets.report_page.shown_rows import shown_row
from cb_datasets.schema import exact_rows

if TYPE_CHECKING:
    from datasets import Dataset
    from jinja2 import Environment

MAX_RECORDS = 5000
_SCRIPTS = ("texts.js", "records.js", "pair.js", "tokens.js", "list.js")

TITLES = {
    "ds": ("Ds", "circuit breaker set"),
    "dr": ("Dr", "retain set"),
    "pairs": ("Pairs", "right and harmful under one prompt"),
    "eval": ("Eval", "held-out eval set"),
    "rejected": ("Left out", "in none of the sets"),
}


def report(
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str] = "report.html",
    *,
    max_records: int = MAX_RECORDS,
    tokenizer: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a dataset folder as one HTML page.

    Args:
        folder: A dataset folder, or the id of a dataset on the Hub (see `dataset_folder`).
        output: The file; it appears when it is complete.
        max_records: Records that can be looked at in the page. Of larger sets, rows evenly spread
            over the set are held, and all that a gate names; figures are of all rows.
        tokenizer: That of the token ids, a folder or Hub id, to show tokens with. None takes the
            one that the folder names, where it is on this machine.
        overwrite: Replace a file that is there.

    Returns:
        The file.

    Raises:
        BuildError: It is no dataset folder, a report in it cannot be read, or the file is there
            or cannot be written.
        EngineError: The tokenizer that was named cannot be had.
        HubError: The Hub does not give the dataset.

    Example:
        >>> report("demo-dataset", "demo.html")  # doctest: +SKIP
        PosixPath('demo.html')
    """
    target = Path(output)
    if target.is_dir():
        raise BuildError(f"{target} is a folder; a file to write was expected")
    if target.exists() and not overwrite:
        raise BuildError(f"{target} exists; --overwrite replaces it")
    place = dataset_folder(folder)
    if place.resolve() in target.resolve().parents:
        raise BuildError(f"{target} is inside the dataset folder, whose files its manifest lists")
    page = report_html(place, title=_title(folder), max_records=max_records, tokenizer=tokenizer)
    with whole_file(target, overwrite=overwrite) as unfinished:
        unfinished.write_text(page, encoding="utf-8", newline="\n")
    return target


def report_html(
    folder: str | os.PathLike[str],
    *,
    title: str | None = None,
    max_records: int = MAX_RECORDS,
    tokenizer: str | None = None,
) -> str:
    """The page of a dataset folder.

    Args:
        folder: A dataset folder.
        title: What the page calls it; None takes the folder's name.
        max_records: See `report`.
        tokenizer: See `report`.

    Returns:
        The HTML.

    Raises:
        BuildError: It is no dataset folder, or a report in it cannot be read.
        EngineError: The tokenizer that was named cannot be had.
    """
    if max_records < 1:
        raise BuildError(f"max_records is {max_records}; it must be 1 or more")
    place = Path(folder)
    sets = read_folder(place)
    gates = _gates(place, sets)
    links = _named_rows(sets, gates)
    manifest = _manifest(place)
    records = PackedRecords(PackedTokens(tokenizer_at_hand(manifest, tokenizer)))
    figures = _gone_through(sets, links, max_records, records)
    style, script = _text("page.css"), _script()
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            title=title or _title(place),
            manifest=manifest,
            gates=gates,
            links=links,
            figures=figures,
            attached=attached_reports(place),
            titles=TITLES,
            held=len(records.index),
            scripts=list(records.scripts()),
            settings=script_json({"piece": PIECE, "titles": {k: v[0] for k, v in TITLES.items()}}),
            style=style,
            script=script,
            style_hash=_csp_hash(style),
            script_hash=_csp_hash(script),
        )
    )


Links = Mapping[tuple[str, str], tuple[int, str]]


def _named_rows(sets: Mapping[str, Dataset], gates: Mapping[str, Any]) -> Links:
    """Number and id of the rows that gates name, by set and the id as gates print it."""
    named = {
        (row["set"], row["id"])
        for result in gates["results"].values()
        for row in result.get("failing") or []
    }
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for name in {name for name, _ in named} & set(GATED):
        for number, row_id in enumerate(sets[name]["id"][:]):
            shown = (name, printable(row_id))
            if shown in named:
                found.setdefault(shown, (number, row_id))
    return found


def _gone_through(
    sets: Mapping[str, Dataset], links: Links, most: int, records: PackedRecords
) -> Figures:
    """Count all rows, and pack those that the page holds."""
    always = {
        name: frozenset(number for (of_set, _), (number, _) in links.items() if of_set == name)
        for name in CONFIGS
    }
    held = chosen({name: len(sets[name]) for name in CONFIGS}, most, always)
    figures = Figures()
    for name in CONFIGS:
        for number, row in enumerate(exact_rows(sets[name])):
            shown = shown_row(name, row)
            figures.add(shown)
            if number in held[name]:
                records.add(shown, number)
    return figures


def _gates(folder: Path, sets: Mapping[str, Dataset]) -> Mapping[str, Any]:
    """The gate report of the build, or, where there is none that can be read, of now."""
    try:
        found = json.loads((folder / "gates.json").read_text(encoding="utf-8"))
        if isinstance(found["results"], Mapping) and isinstance(found["passed"], bool):
            return {**found, "of_the_build": True}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    judge = recorded_judge(_manifest(folder))
    now = run_gates(**{name: sets[name] for name in GATED}, **judge)
    return {**now.to_dict(), "of_the_build": False}


def _manifest(folder: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
    return found


def _title(folder: str | os.PathLike[str]) -> str:
    # A path of this machine is nobody's business; a repo id is the dataset's name.
    text = os.fspath(folder)
    return Path(text).resolve().name if os.path.exists(text) else text


def _csp_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _script() -> str:
    """The page's script: its files in one block, so that they see each other and nobody else."""
    return "".join(['"use strict";\n{\n', *map(_text, _SCRIPTS), "}\n"])


def _text(name: str) -> str:
    return resources.files("cb_datasets.report_page").joinpath(name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    import jinja2
    from markupsafe import Markup

    found = jinja2.Environment(
        loader=jinja2.FunctionLoader(_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # What a browser would act on is escaped by jinja2; what would rearrange a line, here.
        finalize=lambda value: value if isinstance(value, Markup) else printable(str(value), None),
    )
    found.filters["plain"] = lambda value, limit=400: printable(str(value), limit)
    found.filters["two_digits"] = two_digits
    found.filters["json"] = lambda value: json.dumps(value)
    found.globals["unknown"] = UNKNOWN
    found.globals["no_ids"] = NO_IDS
    found.filters["count"] = lambda number: f"{number:,}"
    return found
