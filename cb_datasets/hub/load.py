"""A version of a dataset, read back and compared with its manifest.

In: a folder, or a repo on the Hub and a version. Out: the sets, if every file is the one that was
pushed and every set has its rows. `load_dataset` offline takes the newest rows in its cache for any
revision; this does not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.dataset.folder import CONFIGS
from cb_datasets.dataset.manifest import MANIFEST_NAME, file_facts, parse_manifest, read_manifest
from cb_datasets.errors import HubError
from cb_datasets.hub.versions import Version, read_version, versions_among
from cb_datasets.hub_refusals import hub_sentences
from cb_datasets.records import SET_RECORDS
from cb_datasets.schema import set_table

if TYPE_CHECKING:
    from cb_datasets.sets import Sets


def load_sets(
    repo_or_folder: str | Path,
    version: str | None = None,
    *,
    configs: Iterable[str] | None = None,
    streaming: bool = False,
    token: str | None = None,
) -> Sets:
    """Load the sets of a dataset folder, or of a version on the Hub, and check what they are.

    Args:
        repo_or_folder: A dataset folder, or OWNER/NAME on the Hub.
        version: The version, "1.2.0"; None takes the newest one on the Hub, or the folder as it is.
        configs: Which of ds, dr, pairs, eval and rejected to load; None loads all. Others are
            empty.
        streaming: Give `IterableDataset`s and download no rows beforehand. The hashes are then
            those that the Hub has of its files.
        token: Access token; None takes that of this machine's login, if there is one.

    Returns:
        The sets; `.facts` is the manifest: versions, inputs, seeds, and `files` with their hashes.

    Raises:
        HubError: There is no such version, it may not be read, or a file or a number of rows is
            not what the manifest says.
        BuildError: It is no dataset folder.

    Example:
        >>> sets = load_sets("org/tool-breakers", "1.2.0")  # doctest: +SKIP
        >>> sets.facts["version"], len(sets.ds)  # doctest: +SKIP
        ('1.2.0', 1204)
    """
    from cb_datasets.sets import Sets

    wanted = list(CONFIGS if configs is None else configs)
    if unknown := [name for name in wanted if name not in CONFIGS]:
        raise HubError(f"there is no config {unknown[0]!r} (known: {', '.join(CONFIGS)})")
    asked = read_version(version) if version is not None else None
    if os.path.isdir(repo_or_folder):
        place, folder = str(repo_or_folder), Path(repo_or_folder)
        manifest = read_manifest(folder)
        _check_version(place, manifest, asked)
        files = _local(place, folder, _listed(manifest, wanted))
    else:
        place = str(repo_or_folder)
        if place.count("/") != 1 or place.startswith((".", "/")):
            raise HubError(f"{place}: there is no such folder, and it is no OWNER/NAME on the Hub")
        with hub_sentences(place, HubError, token=token):
            manifest, files = _from_hub(place, asked, wanted, streaming=streaming, token=token)
    tables = {name: _table(place, name, files, manifest, streaming, token) for name in CONFIGS}
    return Sets(**tables, facts=manifest)


def _from_hub(
    repo: str, asked: Version | None, wanted: list[str], *, streaming: bool, token: str | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """The manifest of a version, and where each of its files is to be read."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
    )

    api = HfApi(token=token)
    if asked is None:
        refs = api.list_repo_refs(repo, repo_type="dataset")
        versions = versions_among(tag.name for tag in refs.tags)
        if not versions:
            raise HubError(f"{repo} has no version on the Hub")
        asked = versions[-1]
    place = f"{repo} {asked.tag}"
    pinned: dict[str, Any] = {"repo_type": "dataset", "revision": asked.tag, "token": token}
    try:
        file = api.hf_hub_download(repo, MANIFEST_NAME, **pinned)
    except LocalEntryNotFoundError as error:
        raise HubError(f"{place} is not in the cache, and the Hub cannot be asked") from error
    except EntryNotFoundError:
        raise HubError(f"{place} has no {MANIFEST_NAME}; it was pushed by something else") from None
    # In the cache, the folder of a file at a revision is named by its commit.
    commit = Path(file).parent.name
    manifest = parse_manifest(Path(file).read_text(encoding="utf-8"), place)
    _check_version(place, manifest, asked)
    listed = _listed(manifest, wanted)
    if streaming:
        # Offline, the files in the cache are as good.
        with suppress(OfflineModeIsEnabled):
            _check_remote(api, repo, commit, place, listed)
            return manifest, {path: f"hf://datasets/{repo}@{commit}/{path}" for path in listed}
    folder = snapshot_download(
        repo, repo_type="dataset", revision=commit, allow_patterns=list(listed), token=token
    )
    return manifest, _local(place, Path(folder), listed)


def _check_remote(
    api: Any, repo: str, commit: str, place: str, listed: Mapping[str, Mapping[str, Any]]
) -> None:
    infos = api.get_paths_info(repo, list(listed), repo_type="dataset", revision=commit)
    hashes = {info.path: info.lfs.sha256 for info in infos if getattr(info, "lfs", None)}
    for path, facts in listed.items():
        if hashes.get(path) != facts["sha256"]:
            raise HubError(f"{place}: {path} is not the file that its manifest names")


def _local(place: str, folder: Path, listed: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    found = {}
    for path, facts in listed.items():
        file = folder / path
        if not file.is_file():
            raise HubError(f"{place}: {path} is missing")
        if file_facts(file)["sha256"] != facts["sha256"]:
            raise HubError(f"{place}: {path} is not the file that its manifest names")
        found[path] = str(file)
    return found


def _check_version(place: str, manifest: Mapping[str, Any], asked: Version | None) -> None:
    found = manifest.get("version")
    if asked is not None and found != str(asked):
        holds = f"version {found}" if found else "no version: it was never pushed"
        raise HubError(f"{place}: version {asked} was asked for, and this is {holds}")


def _listed(manifest: Mapping[str, Any], wanted: Iterable[str]) -> dict[str, Any]:
    """The data files of some configs, as the manifest has them."""
    starts = tuple(f"{name}/" for name in wanted)
    files = manifest["files"].items()
    return {
        path: file for path, file in files if path.startswith(starts) and path.endswith(".parquet")
    }


def _table(
    place: str,
    name: str,
    files: Mapping[str, str],
    manifest: Mapping[str, Any],
    streaming: bool,
    token: str | None,
) -> Any:
    from datasets import Dataset, IterableDataset, load_dataset

    own_files = [files[path] for path in sorted(files) if path.startswith(f"{name}/")]
    rows = manifest["rows"].get(name, 0)
    if rows and not _listed(manifest, [name]):
        raise HubError(f"{place}: {name} has {rows} rows in its manifest, and no file")
    if not own_files:
        empty = set_table([], SET_RECORDS[name])
        if not streaming:
            return empty
        return IterableDataset.from_generator(_no_rows, features=empty.features)
    if streaming:
        return load_dataset(
            "parquet", data_files=own_files, split="train", streaming=True, token=token
        )
    table = Dataset.from_parquet(own_files)
    if len(table) != rows:
        raise HubError(f"{place}: {name} has {len(table)} rows, and its manifest says {rows}")
    return table


def _no_rows() -> Iterator[dict[str, Any]]:
    yield from ()
