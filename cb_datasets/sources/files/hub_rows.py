"""The rows of a dataset on the Hub, whose configs and splits `datasets` resolves.

In: a repo id, and revision, token, config and split as far as the user names them. Out: a
`RowFile` per file, at one commit. What the Hub answers when it refuses becomes one sentence.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import SourceError
from cb_datasets.sources.files.arrow_rows import json_rows
from cb_datasets.sources.files.data_files import SUFFIXES, DataFile
from cb_datasets.sources.files.hub_refusals import hub_sentences
from cb_datasets.sources.files.row_files import open_row_files
from cb_datasets.sources.rows import RowFile

if TYPE_CHECKING:
    from datasets import Dataset, DatasetBuilder

    from cb_datasets.sources.registry import Source

HUB_OPTIONS = ("revision", "token", "config", "split")
"""The options that say what of a repo is read."""

_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_ROW_FILES = (*SUFFIXES, ".json", ".parquet")
_FILE_NAMES = (*SUFFIXES, ".json", ".parquet", ".gz", ".csv", ".txt")


def is_hub_repo(name: Any) -> bool:
    """Whether a name is a repo id, `owner/name`, and not a file or folder here.

    Example:
        >>> is_hub_repo("Fujitsu/agentic-rag-redteam-bench"), is_hub_repo("traces/a.jsonl")
        (True, False)
    """
    return (
        isinstance(name, str)
        and _REPO_ID.fullmatch(name) is not None
        and not name.endswith(_FILE_NAMES)
        and not os.path.exists(name)
    )


def hub_rows(
    repo: str,
    source: Source,
    *,
    revision: str | None = None,
    token: str | None = None,
    config: str | None = None,
    split: str | None = None,
) -> Iterator[RowFile]:
    """The rows of a dataset on the Hub, one file after the other.

    `datasets` says which files a config and split are, and gives the rows of formats such as CSV.
    Those of JSON and Parquet files are read here, as downloaded ones are: its JSON loader makes
    times of texts that look like them and nulls of missing arguments, and one broken line costs it
    the file.

    Args:
        repo: Its id.
        source: Says which of the repo's configs are its own, and how its files are opened.
        revision: Branch, tag or commit; None is the default branch.
        token: Access token; None takes that of this machine's login, if there is one.
        config: The config; None takes all that are the source's.
        split: The split; None takes all.

    Raises:
        SourceError: The Hub cannot be reached, refuses, or has nothing of that name.
    """
    commit = hub_commit(repo, revision=revision, token=token)
    state = _State(repo, commit, token)
    with hub_sentences(repo, revision, token):
        names = state.config_names()
    for name in [config] if config is not None else _own(names, source, repo):
        if name not in names:
            known = ", ".join(sorted(names))
            raise SourceError(f"there is no config {name!r} (known: {known})", file=repo)
        with hub_sentences(repo, revision, token):
            builder = state.builder(name)
        splits = {
            str(split_name): list(files) for split_name, files in builder.config.data_files.items()
        }
        if split is not None and split not in splits:
            known = ", ".join(sorted(splits))
            raise SourceError(
                f"the config {name!r} has no split {split!r} (known: {known})", file=repo
            )
        key = source.records_key or getattr(builder.config, "field", None)
        open_files = source.open_files or partial(open_row_files, records_key=key)
        for split_name in sorted(splits) if split is None else [split]:
            with hub_sentences(repo, revision, token):
                files = state.downloaded(splits[split_name])
                table = None if files else state.table(name, split_name)
            label = _label(repo, name, split_name, splits[split_name])
            rows = _TableRows(f"{repo}@{commit}", label, table) if table is not None else None
            for file in open_files(files) if rows is None else [rows]:
                file.commit = commit
                yield file


def hub_commit(repo: str, *, revision: str | None = None, token: str | None = None) -> str:
    """The commit that a revision stands for now, so that all that is read is of one state.

    Files are asked for, too: anyone is told what commit a gated dataset is at, and what lies in the
    cache is given even to those whom the Hub refuses.

    Raises:
        SourceError: The Hub cannot be reached, refuses, or has nothing of that name.
    """
    from huggingface_hub import HfApi, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError

    api = HfApi(token=token)
    with hub_sentences(repo, revision, token):
        commit = str(api.dataset_info(repo, revision=revision).sha)
        card = hf_hub_url(repo, "README.md", repo_type="dataset", revision=commit)
        with suppress(EntryNotFoundError):
            api.get_hf_file_metadata(url=card)
        return commit


class _TableRows(RowFile):
    """The rows of a split as `datasets` reads them; hash and size are of their JSON."""

    def __init__(self, path: str, name: str, table: Dataset) -> None:
        super().__init__(path, name)
        self._table = table

    def _rows(self) -> Iterator[tuple[int, dict[str, Any] | ValueError]]:
        digest = hashlib.sha256()
        self.size = 0
        for number, row in enumerate(json_rows(self._table), 1):
            if isinstance(row, dict):
                text = json.dumps(row, sort_keys=True).encode()
                digest.update(text)
                self.size += len(text)
            yield number, row
        self.sha256 = digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _State:
    """A dataset at one commit, and the token that opens it.

    With a cache at hand, `datasets` takes any other state of a dataset for the one that it cannot
    get: so it is given an empty one, or one for this commit alone.
    """

    repo: str
    commit: str
    token: str | None

    def config_names(self) -> list[str]:
        from datasets import get_dataset_config_names

        with TemporaryDirectory() as empty:
            return list(get_dataset_config_names(self.repo, cache_dir=empty, **self._pinned()))

    def builder(self, config: str) -> DatasetBuilder:
        from datasets import load_dataset_builder

        with TemporaryDirectory() as empty:
            return load_dataset_builder(self.repo, config, cache_dir=empty, **self._pinned())

    def downloaded(self, files: list[str]) -> list[DataFile]:
        """The files, if all are of this repo and of a format that is read here."""
        from huggingface_hub import hf_hub_download

        root = f"hf://datasets/{self.repo}@{self.commit}/"
        if not all(file.startswith(root) and _is_row_file(file) for file in files):
            return []
        found = []
        for path in (file.removeprefix(root) for file in files):
            local = hf_hub_download(self.repo, path, repo_type="dataset", **self._pinned())
            found.append(DataFile(f"{self.repo}@{self.commit}/{path}", local))
        return found

    def table(self, config: str, split: str) -> Dataset:
        """The rows as `datasets` reads them."""
        import datasets

        cache = os.path.join(datasets.config.HF_DATASETS_CACHE, "cb_datasets", "hub", self.commit)
        return datasets.load_dataset(
            self.repo, config, split=split, cache_dir=cache, **self._pinned()
        )

    def _pinned(self) -> dict[str, Any]:
        return {"revision": self.commit, "token": self.token}


def _is_row_file(path: str) -> bool:
    return path.removesuffix(".gz").endswith(_ROW_FILES)


def _own(names: list[str], source: Source, repo: str) -> list[str]:
    matching = sorted(name for name in names if name.startswith(source.hub_config))
    if matching and (source.hub_repo is not None or len(matching) == 1):
        return matching
    known = ", ".join(sorted(names)) or "none"
    raise SourceError(f"give the config to read (known: {known})", file=repo)


def _label(repo: str, config: str, split: str, files: list[Any]) -> str:
    if len(files) == 1:
        return os.path.basename(str(files[0])).removesuffix(".gz")
    return f"{repo.rpartition('/')[2]}/{config}/{split}"
