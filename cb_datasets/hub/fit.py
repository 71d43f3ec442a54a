"""Whether a dataset folder is fit to be pushed: all that it says of itself is checked.

In: a folder. Out: its manifest, sets, and a gate report made anew; or one sentence that says what
is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.dataset.folder import CONFIGS, read_folder
from cb_datasets.dataset.gate_inputs import gate_inputs
from cb_datasets.dataset.manifest import MANIFEST_NAME, file_facts, read_manifest
from cb_datasets.dataset.whole import folder_files
from cb_datasets.errors import CBDatasetsError, HubError
from cb_datasets.gates import GATED, GateReport, run_gates
from cb_datasets.hub.leaks import Leak, LeakFinder, check_leaks, has_canary
from cb_datasets.sources import find_source

if TYPE_CHECKING:
    from datasets import Dataset

CARD_NAME = "README.md"
_TEXTS = (".md", ".json", ".svg", ".txt", ".yaml")


@dataclass(frozen=True, slots=True)
class FitFolder:
    """A folder that may be pushed.

    Attributes:
        folder: Where it lies.
        manifest: Its manifest.
        files: Size and SHA-256 of every file but the manifest, as they are.
        sets: The sets by config.
        gates: The gates, run on them now.
        changed: Files that are not what the manifest says; empty unless that is overruled.
        warnings: What was found that stops no push: paths in rows as this machine has them.
    """

    folder: Path
    manifest: dict[str, Any]
    files: dict[str, dict[str, Any]]
    sets: dict[str, Dataset]
    gates: GateReport
    changed: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def configs(self) -> dict[str, Dataset]:
        """The sets that have rows."""
        return {name: table for name, table in self.sets.items() if len(table)}


def fit_folder(
    folder: Path, *, force_reason: str | None, leaks: LeakFinder, allowed: Sequence[str] = ()
) -> FitFolder:
    """Check a folder.

    Args:
        folder: The folder.
        force_reason: Why gates that fail, and files that are not what the manifest says, are
            pushed all the same; None does not push them.
        leaks: Looks for what must not be in it.
        allowed: What of that is accepted (see `check_leaks`).

    Raises:
        HubError: It is not fit: a gate fails, or files are missing, changed, unknown or links, or
            hold a secret or a path of this machine.
        BuildError: It is no dataset folder.
    """
    manifest = read_manifest(folder)
    files, changed = _files(folder, manifest)
    if changed and not force_reason:
        raise HubError(
            f"{changed[0]} is not what the manifest of {folder} says; build the folder again, or "
            "say why it is to be pushed with --force-reason"
        )
    sets = read_folder(folder)
    for name, table in sets.items():
        if len(table) != manifest["rows"].get(name, 0) and not force_reason:
            raise HubError(
                f"{folder}: {name} has {len(table)} rows, and the manifest says "
                f"{manifest['rows'].get(name, 0)}"
            )
    harmless = check_leaks(_leaks(folder, [*files, MANIFEST_NAME], leaks), allowed)
    known = gate_inputs(folder)
    gates = run_gates(**{name: sets[name] for name in GATED}, **known)
    if not gates.passed and not force_reason:
        failed = [name for name, result in gates.results.items() if not result.passed]
        raise HubError(
            f"{folder}: the gate {failed[0]} fails ({gates.results[failed[0]].summary}); mend the "
            "build, or say why it is to be pushed with --force-reason"
        )
    warnings = tuple(f"{leak}; --allow-secret {leak.name} accepts it" for leak in harmless)
    return FitFolder(folder, manifest, files, sets, gates, tuple(changed), warnings)


def check_publishable(fit: FitFolder) -> None:
    """Refuse to publish what is made of a source that must stay private.

    Raises:
        HubError: There is such a source, one that nobody here knows, or rows that name a canary.
    """
    for name in sorted(_sources(fit)):
        try:
            reason = find_source(name).keep_private
        except CBDatasetsError:
            reason = "no source of that name is known here, nor what its licence allows"
        if reason:
            raise HubError(f"rows of the source {name} may not be published: {reason}")
    for name, table in fit.sets.items():
        if has_canary(table.data.table):
            raise HubError(f"rows of {name} may not be published: they name a canary")


def _leaks(folder: Path, paths: Iterable[str], finder: LeakFinder) -> Iterator[Leak]:
    for path in paths:
        if path.endswith(".parquet"):
            yield from finder.in_rows(path, folder / path)
        elif path.endswith(_TEXTS):
            text = (folder / path).read_text(encoding="utf-8", errors="replace")
            yield from finder.in_text(path, text)


def _files(
    folder: Path, manifest: Mapping[str, Any]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The files as they are, and those that are not what the manifest says."""
    known = manifest["files"]
    there = [path for path in folder_files(folder) if path != MANIFEST_NAME]
    unknown = [path for path in there if path not in known]
    if unknown:
        raise HubError(f"{unknown[0]} is no file of the dataset; take it out of {folder}")
    missing = [path for path in known if path not in there]
    if missing:
        raise HubError(f"{missing[0]} is missing from {folder}")
    facts = {path: file_facts(folder / path) for path in there}
    # The card is for people to write in, and is renewed by a push.
    changed = [
        path
        for path, file in facts.items()
        if file["sha256"] != known[path]["sha256"] and path != CARD_NAME
    ]
    return facts, changed


def _sources(fit: FitFolder) -> set[str]:
    names = {str(read.get("source")) for read in fit.manifest.get("inputs", [])}
    names.update(fit.manifest.get("scenarios", {}))
    for name, table in fit.configs.items():
        column = "source" if "source" in table.column_names else "provenance"
        values = table.data.table[column]
        if column == "provenance":
            values = values.combine_chunks().field("source")
        names.update(values.unique().to_pylist())
        if name not in CONFIGS:
            raise HubError(f"{name} is no config of a dataset folder")
    return names
