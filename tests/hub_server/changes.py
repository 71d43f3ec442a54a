"""What a request changes: a commit from its lines of JSON, and the uploads that come before it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from tests.hub_server.access import RefusedError
from tests.hub_server.repo import Blob, Commit, Repo, is_lfs, store_blob


def preupload(commit: Commit, files: list[dict[str, Any]]) -> dict[str, Any]:
    """How each file is to be uploaded, and the hash it has at present."""
    said = []
    for file in files:
        there = commit.files.get(file["path"])
        said.append(
            {
                "path": file["path"],
                "uploadMode": "lfs" if is_lfs(file["path"], file["size"]) else "regular",
                "shouldIgnore": False,
                "oid": there.etag if there else None,
            }
        )
    return {"files": said}


def lfs_batch(blobs: Path, upload_url: str, objects: list[dict[str, Any]]) -> dict[str, Any]:
    """Where to put each object; one that is there already needs no action."""
    said: list[dict[str, Any]] = []
    for each in objects:
        answer: dict[str, Any] = {"oid": each["oid"], "size": each["size"]}
        if not (blobs / each["oid"]).exists():
            answer["actions"] = {"upload": {"href": f"{upload_url}/{each['oid']}"}}
        said.append(answer)
    return {"transfer": "basic", "objects": said}


def store_upload(blobs: Path, oid: str, content: bytes) -> None:
    """Keep an LFS object, if it is what its name says."""
    if store_blob(blobs, content, lfs=True).sha256 != oid:
        raise RefusedError(400, "The content does not have the SHA-256 it was announced with")


def apply_commit(repo: Repo, branch: str, base: Commit, blobs: Path, body: bytes) -> str:
    """Make the commit that a body of JSON lines describes; its id.

    Raises:
        RefusedError: The parent is no longer the branch's head (412), an LFS object was never
            uploaded or an operation is unknown (400).
    """
    lines = [json.loads(line) for line in body.splitlines() if line.strip()]
    header = next((line["value"] for line in lines if line["key"] == "header"), {})
    if (parent := header.get("parentCommit")) and parent != base.oid:
        raise RefusedError(412, "A commit has happened since. Please refresh and try again.")
    files = dict(base.files)
    for line in lines:
        if line["key"] != "header":
            _apply(files, line["key"], line["value"], blobs)
    return repo.commit(
        branch,
        files,
        title=header.get("summary", ""),
        message=header.get("description", ""),
        parent=base.oid,
    )


def _apply(files: dict[str, Blob], operation: str, value: dict[str, Any], blobs: Path) -> None:
    path = value["path"]
    if operation == "file":
        files[path] = store_blob(blobs, base64.b64decode(value["content"]), lfs=False)
    elif operation == "lfsFile":
        if not (blobs / value["oid"]).exists():
            raise RefusedError(400, f"LFS object {value['oid']} of {path} was not uploaded")
        files[path] = store_blob(blobs, (blobs / value["oid"]).read_bytes(), lfs=True)
    elif operation == "deletedFile":
        if files.pop(path, None) is None:
            raise RefusedError(404, f"{path} does not exist", "EntryNotFound")
    elif operation == "deletedFolder":
        for below in [p for p in files if p.startswith(path.rstrip("/") + "/")]:
            del files[below]
    else:
        raise RefusedError(400, f"unknown operation {operation}")
