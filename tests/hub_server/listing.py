"""What the Hub says about a repository: its card of facts, its tree, its refs, its history."""

from __future__ import annotations

from typing import Any

from tests.hub_server.access import RefusedError
from tests.hub_server.repo import Commit, Repo


def repo_info(repo: Repo, commit: Commit, *, blobs: bool) -> dict[str, Any]:
    """The answer to `/api/datasets/ID[/revision/REV]`."""
    siblings: list[dict[str, Any]] = []
    for path, blob in commit.files.items():
        sibling: dict[str, Any] = {"rfilename": path}
        if blobs:
            sibling.update(size=blob.size, blobId=blob.git_oid)
            if blob.lfs:
                sibling["lfs"] = {"sha256": blob.sha256, "size": blob.size, "pointerSize": 130}
        siblings.append(sibling)
    *_, first = repo.history(commit)
    return {
        "_id": repo.id,
        "id": repo.id,
        "author": repo.id.split("/")[0],
        "sha": commit.oid,
        "private": repo.settings["private"],
        "gated": repo.settings["gated"],
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "createdAt": first.date,
        "lastModified": commit.date,
        "siblings": siblings,
    }


def tree(
    repo: Repo, commit: Commit, folder: str, *, recursive: bool, expand: bool
) -> list[dict[str, Any]]:
    """What lies in a folder; a folder that is not there is refused."""
    prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
    below = [path for path in commit.files if path.startswith(prefix)]
    if prefix and not below:
        raise RefusedError(404, f"{folder} does not exist", "EntryNotFound", commit.oid)
    folders = {
        prefix + "/".join(parts[:depth])
        for path in below
        if (parts := path[len(prefix) :].split("/"))
        for depth in range(1, len(parts))
    }
    paths = sorted(folders | set(below))
    if not recursive:
        paths = [path for path in paths if "/" not in path[len(prefix) :]]
    return [entry(repo, commit, path, expand=expand) for path in paths]


def paths_info(
    repo: Repo, commit: Commit, paths: list[str], *, expand: bool
) -> list[dict[str, Any]]:
    """The entries of those paths that are there, files and folders."""
    asked = [path.strip("/") for path in paths]
    return [
        entry(repo, commit, path, expand=expand)
        for path in asked
        if path in commit.files or any(file.startswith(f"{path}/") for file in commit.files)
    ]


def entry(repo: Repo, commit: Commit, path: str, *, expand: bool) -> dict[str, Any]:
    """A file or folder as the tree lists it."""
    blob = commit.files.get(path)
    if blob is None:
        said: dict[str, Any] = {"type": "directory", "path": path, "size": 0, "oid": "0" * 40}
    else:
        said = {"type": "file", "path": path, "size": blob.size, "oid": blob.git_oid}
        if blob.lfs:
            said["lfs"] = {"oid": blob.sha256, "size": blob.size, "pointerSize": 130}
    if expand:
        last = repo.last_change(commit, path)
        said["lastCommit"] = {"id": last.oid, "title": last.title, "date": last.date}
    return said


def refs(repo: Repo) -> dict[str, Any]:
    """Branches and tags; converts are what the Hub's own robots make."""

    def listed(kind: str, under: str) -> list[dict[str, str]]:
        return [
            {"name": name, "ref": f"refs/{under}/{name}", "targetCommit": oid}
            for name, oid in repo.refs(kind).items()
        ]

    return {
        "branches": listed("branches", "heads"),
        "tags": listed("tags", "tags"),
        "converts": [],
    }


def commits(repo: Repo, commit: Commit) -> list[dict[str, Any]]:
    """The history of a revision, newest first."""
    return [
        {
            "id": each.oid,
            "title": each.title,
            "message": each.message,
            "date": each.date,
            "authors": [{"user": "owner"}],
        }
        for each in repo.history(commit)
    ]
