"""The server: it listens, keeps a log, and fails when it is told to."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl

from tests.hub_server import clients
from tests.hub_server.access import OWNER, STRANGER, RefusedError
from tests.hub_server.repo import Repo, is_lfs, store_blob
from tests.hub_server.routes import Answer, Request, Routes


@dataclass(frozen=True, slots=True)
class Asked:
    """A line of the log; the status is 0 where the connection was dropped."""

    method: str
    path: str
    status: int
    token: str | None


@dataclass(frozen=True, slots=True)
class _Failure:
    first: int
    last: float
    status: int | None
    lose: Literal["request", "response"]


class HubServer:
    """A Hub on 127.0.0.1, for as long as its `with` block.

    Attributes:
        endpoint: Its address, for `HF_ENDPOINT`.
        token: The token of the account that owns everything.
        other_token: The token of an account that owns nothing and was granted nothing.
        asked: Every request so far, in the order they were answered.

    Example:
        >>> with HubServer(tmp_path) as hub:  # doctest: +SKIP
        ...     sha = hub.add_dataset("org/name", {"README.md": b"# Rows"})
    """

    token = OWNER.token
    other_token = STRANGER.token

    def __init__(self, folder: Path) -> None:
        self.routes = Routes(folder)
        self.home = folder / "home"
        self.asked: list[Asked] = []
        self._begun = 0
        self._failure: _Failure | None = None
        self.connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.hub = self  # type: ignore[attr-defined]
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> HubServer:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Be unreachable from now on: connections are refused, open ones dropped."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def run(self, code: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run Python code in a process of its own, this server its Hub.

        Args:
            code: The program.
            **options: `token`, `offline`, `check`, `environment`: see `clients.run_snippet`.
        """
        return clients.run_snippet(self.endpoint, self.home, code, **options)

    def add_dataset(
        self,
        repo_id: str,
        files: Mapping[str, bytes],
        *,
        gated: Literal["auto", "manual", False] | bool = False,
        private: bool = False,
    ) -> str:
        """Make a dataset repository with one commit of these files; the commit's id."""
        return self.add_repo("dataset", repo_id, files, gated=gated, private=private)

    def add_repo(
        self,
        kind: Literal["dataset", "model"],
        repo_id: str,
        files: Mapping[str, bytes],
        *,
        gated: Literal["auto", "manual", False] | bool = False,
        private: bool = False,
    ) -> str:
        """Make a repository with one commit of these files; the commit's id."""
        blobs = {
            path: store_blob(self.routes.blobs, content, lfs=is_lfs(path, len(content)))
            for path, content in files.items()
        }
        repo = self.routes.repo(kind, repo_id)
        sha = repo.create(private=private, files=blobs)
        repo.change_settings(gated="manual" if gated is True else gated)
        return sha

    def dataset(self, repo_id: str) -> Repo:
        """The repository as it lies on disk: `.refs("tags")`, `.resolve("v1.0.0")`."""
        return self.routes.repo("dataset", repo_id)

    def content(self, repo_id: str, path: str, revision: str = "main") -> bytes:
        """The bytes of a dataset's file at a revision; `KeyError` if they are not there."""
        commit = self.dataset(repo_id).resolve(revision)
        if commit is None:
            raise KeyError(revision)
        return (self.routes.blobs / commit.files[path].sha256).read_bytes()

    def grant(self, repo_id: str) -> None:
        """Let the other account read a gated dataset."""
        self.dataset(repo_id).change_settings(granted=[STRANGER.name])

    def fail(
        self,
        at: int = 1,
        *,
        times: int | None = 1,
        status: int | None = None,
        lose: Literal["request", "response"] = "request",
    ) -> None:
        """Fail the `at`-th request from now on, counted from 1.

        Args:
            at: Which request fails first.
            times: How many in a row fail; None is all from there on.
            status: The status answered; None drops the connection without an answer.
            lose: `request`: nothing was done. `response`: it was done, and the answer is lost.
        """
        with self._lock:
            first = self._begun + at
            last = float("inf") if times is None else first + times - 1
            self._failure = _Failure(first, last, status, lose)

    def heal(self) -> None:
        """Fail no more."""
        self._failure = None

    def asked_for(self, pattern: str) -> list[Asked]:
        """The requests whose `METHOD /path` the regular expression is found in."""
        return [a for a in self.asked if re.search(pattern, f"{a.method} {a.path}")]

    def handle(self, request: Request) -> Answer | None:
        """The answer to a request, logged; None where the connection is to be dropped."""
        with self._lock:
            self._begun += 1
            failure = self._failure
            if failure and not failure.first <= self._begun <= failure.last:
                failure = None
        answer: Answer | None = None
        if failure is None or failure.lose == "response":
            answer = self._answer(request)
        if failure is not None:
            said = b'{"error": "told to fail"}'
            answer = Answer(failure.status, said) if failure.status else None
        authorization = request.headers.get("Authorization")
        token = authorization.removeprefix("Bearer ") if authorization else None
        with self._lock:
            status = answer.status if answer else 0
            self.asked.append(Asked(request.method, request.path, status, token))
        return answer

    def _answer(self, request: Request) -> Answer:
        try:
            return self.routes.answer(request)
        except RefusedError as refused:
            headers = {"Content-Type": "application/json", "X-Error-Message": refused.message}
            if refused.code:
                headers["X-Error-Code"] = refused.code
            if refused.commit:
                headers["X-Repo-Commit"] = refused.commit
            return Answer(refused.status, json.dumps({"error": refused.message}).encode(), headers)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None: ...

    def setup(self) -> None:
        super().setup()
        self.server.hub.connections.add(self.connection)  # type: ignore[attr-defined]

    def finish(self) -> None:
        self.server.hub.connections.discard(self.connection)  # type: ignore[attr-defined]
        super().finish()

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError, ValueError):
            super().handle()

    def _serve(self) -> None:
        hub: HubServer = self.server.hub  # type: ignore[attr-defined]
        path, _, query = self.path.partition("?")
        asked = dict(parse_qsl(query))
        request = Request(self.command, path, asked, self.headers, self._body(), hub.endpoint)
        answer = hub.handle(request)
        if answer is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _send(self, answer: Answer) -> None:
        body = answer.body.read_bytes() if isinstance(answer.body, Path) else answer.body
        status, headers = answer.status, dict(answer.headers)
        if isinstance(answer.body, Path):
            headers["Accept-Ranges"] = "bytes"
            asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
            if asked and (asked[1] or asked[2]):
                start, stop = _span(asked[1], asked[2], len(body))
                if start >= len(body):
                    status, headers["Content-Range"] = 416, f"bytes */{len(body)}"
                    body = b""
                else:
                    status = 206
                    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(body)}"
                    body = body[start:stop]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _span(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size
