"""From a request to its answer: which repository, who asks, what is wanted."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.hub_server import changes, listing
from tests.hub_server.access import (
    Account,
    RefusedError,
    account_of,
    check_readable,
    check_visible,
    check_writable,
    not_found,
)
from tests.hub_server.repo import Commit, Repo, store_blob

_REPO = r"(?P<org>[^/]+)/(?P<name>[^/]+)"
_API = re.compile(rf"/api/(?P<kind>dataset|model)s/{_REPO}(?P<rest>(?:/.*)?)")
_GIT_LFS = re.compile(rf"/(?P<kind>datasets/)?{_REPO}\.git/info/lfs/objects/batch")
_FILE = re.compile(rf"/(?P<kind>datasets/)?{_REPO}/(?:resolve|raw)/(?P<rev>[^/]+)/(?P<path>.+)")
_OBJECT = re.compile(r"/lfs-objects/(?P<oid>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: the path is still quoted, so that a revision may hold a slash."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    host: str

    def json(self) -> Any:
        return json.loads(self.body or b"{}")

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() in ("1", "true")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered; a path is a file on disk whose bytes are the body."""

    status: int = 200
    body: bytes | Path = b""
    headers: dict[str, str] = field(default_factory=dict)


def as_json(said: Any, status: int = 200) -> Answer:
    """An answer in JSON."""
    return Answer(status, json.dumps(said).encode(), {"Content-Type": "application/json"})


class Routes:
    """The Hub's addresses over a folder of repositories; one change at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.blobs = folder, folder / "blobs"
        self.blobs.mkdir(parents=True, exist_ok=True)
        self._one_at_a_time = threading.Lock()

    def repo(self, kind: str, repo_id: str) -> Repo:
        return Repo(self.folder / f"{kind}s" / repo_id, kind, repo_id)

    def answer(self, request: Request) -> Answer:
        """The answer to a request.

        Raises:
            RefusedError: The Hub would answer with an error.
        """
        with self._one_at_a_time:
            if stored := _OBJECT.fullmatch(request.path):
                return self._lfs_object(request, stored["oid"])
            account = account_of(request.headers.get("Authorization"))
            if batch := _GIT_LFS.fullmatch(request.path):
                self._found(batch, account)
                check_writable(account, "upload to this repository")
                objects = request.json()["objects"]
                return as_json(
                    changes.lfs_batch(self.blobs, f"{request.host}/lfs-objects", objects)
                )
            if file := _FILE.fullmatch(request.path):
                return self._file(request, file, account)
            if api := _API.fullmatch(request.path):
                return self._api(request, api, account)
            return self._whole_hub(request, account)

    def _found(self, match: re.Match[str], account: Account | None) -> Repo:
        kind = "model" if match["kind"] in (None, "model") else "dataset"
        repo = self.repo(kind, f"{match['org']}/{match['name']}")
        if not repo.exists:
            raise not_found(account)
        check_visible(repo, account)
        return repo

    def _whole_hub(self, request: Request, account: Account | None) -> Answer:
        asked = (request.method, request.path)
        if asked == ("POST", "/api/validate-yaml"):
            return as_json({"errors": [], "warnings": []})
        if asked == ("GET", "/api/whoami-v2"):
            if account is None:
                raise RefusedError(401, "Invalid username or password.")
            role = "write" if account.owner else "read"
            token = {"accessToken": {"displayName": "test", "role": role}}
            return as_json({"type": "user", "name": account.name, "orgs": [], "auth": token})
        if asked not in (("POST", "/api/repos/create"), ("DELETE", "/api/repos/delete")):
            raise RefusedError(404, "Sorry, we can't find the page you are looking for.")
        said = request.json()
        kind, org = said.get("type") or "model", said.get("organization") or "owner"
        check_writable(account, f'create a {kind} under the namespace "{org}"')
        repo = self.repo(kind, f"{org}/{said['name']}")
        if request.method == "DELETE":
            if not repo.exists:
                raise not_found(account)
            repo.folder.rename(self.folder / f"deleted-{len(list(self.folder.iterdir()))}")
            return Answer()
        shown = {"url": f"{request.host}/{_page(repo)}", "id": repo.id, "name": repo.id}
        if repo.exists:
            return as_json({**shown, "error": f"You already created this {kind} repo"}, 409)
        first = store_blob(
            self.blobs, b"*.parquet filter=lfs diff=lfs merge=lfs -text\n", lfs=False
        )
        private = bool(said.get("private")) or said.get("visibility") == "private"
        repo.create(private=private, files={".gitattributes": first})
        return as_json(shown)

    def _api(self, request: Request, match: re.Match[str], account: Account | None) -> Answer:
        repo = self._found(match, account)
        verb, *arguments = [unquote(part) for part in match["rest"].split("/")[1:]] or [""]
        if request.method in ("GET", "HEAD") or verb == "paths-info":
            return self._read(request, repo, verb, arguments)
        check_writable(account, f"change {repo.id}")
        return self._change(request, repo, verb, arguments)

    def _read(self, request: Request, repo: Repo, verb: str, arguments: list[str]) -> Answer:
        if verb == "refs":
            return as_json(listing.refs(repo))
        commit = self._commit(repo, arguments[0] if arguments else "main")
        if verb in ("", "revision"):
            return as_json(listing.repo_info(repo, commit, blobs=request.flag("blobs")))
        if verb == "tree":
            folder, expand = "/".join(arguments[1:]), request.flag("expand")
            recursive = request.flag("recursive")
            return as_json(listing.tree(repo, commit, folder, recursive=recursive, expand=expand))
        if verb == "paths-info":
            form = parse_qs(request.body.decode())
            expand = form.get("expand", [""])[0].lower() == "true"
            return as_json(listing.paths_info(repo, commit, form.get("paths", []), expand=expand))
        if verb == "commits":
            return as_json(listing.commits(repo, commit))
        raise RefusedError(404, f"no such address: {request.path}")

    def _change(self, request: Request, repo: Repo, verb: str, arguments: list[str]) -> Answer:
        if (verb, request.method) == ("settings", "PUT"):
            said = request.json()
            if "visibility" in said:
                said["private"] = said.pop("visibility") == "private"
            repo.change_settings(**{k: said[k] for k in ("private", "gated") if k in said})
            return Answer()
        if verb == "preupload":
            commit = self._commit(repo, arguments[0])
            return as_json(changes.preupload(commit, request.json()["files"]))
        if verb == "commit":
            branch = arguments[0]
            base = self._commit(repo, branch)
            if branch not in repo.refs("branches"):
                raise RefusedError(400, f"{branch} is not a branch")
            oid = changes.apply_commit(repo, branch, base, self.blobs, request.body)
            url = f"{request.host}/{_page(repo)}/commit/{oid}"
            return as_json({"success": True, "commitOid": oid, "commitUrl": url})
        if verb in ("tag", "branch"):
            return self._point(request, repo, verb, arguments[0])
        raise RefusedError(404, f"no such address: {request.path}")

    def _point(self, request: Request, repo: Repo, verb: str, argument: str) -> Answer:
        kind = {"tag": "tags", "branch": "branches"}[verb]
        if request.method == "DELETE":
            if argument not in repo.refs(kind):
                raise RefusedError(404, f"Invalid rev id: {argument}", "RevisionNotFound")
            repo.point(kind, argument, None)
            return Answer()
        said = request.json()
        # A tag's address holds what it points at, a branch's address the branch.
        name = said["tag"] if verb == "tag" else argument
        start = argument if verb == "tag" else said.get("startingPoint", "main")
        commit = self._commit(repo, start)
        if name in repo.refs(kind):
            raise RefusedError(409, f"Reference already exists: refs/{kind}/{name}")
        repo.point(kind, name, commit.oid)
        return Answer()

    def _file(self, request: Request, match: re.Match[str], account: Account | None) -> Answer:
        repo = self._found(match, account)
        check_readable(repo, account)
        commit, path = self._commit(repo, unquote(match["rev"])), unquote(match["path"])
        blob = commit.files.get(path)
        if blob is None:
            raise RefusedError(404, "Entry not found", "EntryNotFound", commit.oid)
        headers = {"ETag": f'"{blob.etag}"', "X-Repo-Commit": commit.oid}
        if not blob.lfs:
            return Answer(200, self.blobs / blob.sha256, headers)
        headers["X-Linked-ETag"] = f'"{blob.sha256}"'
        headers["X-Linked-Size"] = str(blob.size)
        # Another host, as the real one's storage: the client sends no token there.
        storage = request.host.replace("127.0.0.1", "localhost")
        headers["Location"] = f"{storage}/lfs-objects/{blob.sha256}"
        return Answer(302, b"", headers)

    def _lfs_object(self, request: Request, oid: str) -> Answer:
        if request.method == "PUT":
            changes.store_upload(self.blobs, oid, request.body)
            return Answer()
        if not (self.blobs / oid).exists():
            raise RefusedError(404, "NoSuchKey")
        return Answer(200, self.blobs / oid, {"ETag": f'"{oid}"'})

    @staticmethod
    def _commit(repo: Repo, revision: str) -> Commit:
        commit = repo.resolve(revision)
        if commit is None:
            raise RefusedError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return commit


def _page(repo: Repo) -> str:
    return f"datasets/{repo.id}" if repo.kind == "dataset" else repo.id
