"""A dataset repo as it is on the Hub now: its versions, its files, the card that people wrote.

In: a repo id and the client. Out: facts read at one commit; nothing is changed, nothing cached.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from cb_datasets.dataset.card_parts import read_card
from cb_datasets.hub.versions import Version, versions_among

if TYPE_CHECKING:
    from datasets import Features
    from huggingface_hub import HfApi

BRANCH = "main"


@dataclass(frozen=True, slots=True)
class RemoteRepo:
    """What is on the Hub.

    Attributes:
        repo_id: Its id.
        private: Whether only its owners see it.
        gated: "manual", "auto" or False.
        head: The last commit.
        versions: The versions, the oldest first.
        hashes: Of every file at the head its SHA-256, or the id that git gives small ones.
    """

    repo_id: str
    private: bool
    gated: str | bool
    head: str
    versions: list[Version]
    hashes: dict[str, str] = field(default_factory=dict)


def remote_repo(api: HfApi, repo_id: str) -> RemoteRepo | None:
    """A repo as it is; None if there is none that this login may see."""
    from huggingface_hub import RepoFile
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = api.dataset_info(repo_id, expand=["private", "gated"])
    except RepositoryNotFoundError as error:
        if error.response.status_code == 401:
            raise
        return None
    refs = api.list_repo_refs(repo_id, repo_type="dataset")
    head = next(branch.target_commit for branch in refs.branches if branch.name == BRANCH)
    tree = api.list_repo_tree(repo_id, repo_type="dataset", revision=head, recursive=True)
    return RemoteRepo(
        repo_id,
        bool(info.private),
        info.gated or False,
        head,
        versions_among(tag.name for tag in refs.tags),
        {
            file.path: file.lfs.sha256 if file.lfs else file.blob_id
            for file in tree
            if isinstance(file, RepoFile)
        },
    )


def remote_text(api: HfApi, repo_id: str, path: str, revision: str) -> str | None:
    """A text file at a revision; None if it is not there."""
    from huggingface_hub.errors import EntryNotFoundError

    with TemporaryDirectory() as scratch:
        try:
            file = api.hf_hub_download(
                repo_id, path, repo_type="dataset", revision=revision, cache_dir=scratch
            )
        except EntryNotFoundError:
            return None
        return Path(file).read_text(encoding="utf-8", errors="replace")


def card_features(text: str) -> dict[str, Features]:
    """The features of each config, as a card has them in its YAML."""
    from datasets import DatasetInfo

    listed: Any = read_card(text).data.get("dataset_info") or []
    infos = [listed] if isinstance(listed, dict) else listed
    found = {}
    for info in infos:
        one = DatasetInfo._from_yaml_dict(info)
        if one.features is not None:
            found[str(info.get("config_name", "default"))] = one.features
    return found
