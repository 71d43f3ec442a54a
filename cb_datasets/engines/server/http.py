"""JSON over HTTP to a server that may fail: every answer is data, a reason to try again, or a no.

Only the standard library: no redirects are followed and no proxy is asked, so that an API key
goes to the server it is meant for and nowhere else.
"""

from __future__ import annotations

import http.client
import io
import json
import socket
import threading
import time
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from cb_datasets.errors import EngineError
from cb_datasets.quoting import error_line, printable

MAX_BODY = 64 * 2**20
"""Bytes of an answer; what is longer is no completion."""

TRANSIENT_STATUS = frozenset({408, 409, 425, 429, *range(500, 600)})


class TransientError(Exception):
    """The request may succeed if it is sent again.

    Args:
        reason: What happened, in words.
        retry_after: Seconds the server asks to wait.
    """

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class RefusedError(Exception):
    """The server will not serve this request, however often it is sent.

    Args:
        status: The HTTP status.
        reason: What the server says.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class UnfitError(Exception):
    """The answer came whole and holds no sample; sent again, the request would get the same."""


class JsonClient:
    """Sends JSON and reads JSON, from any number of threads.

    Args:
        base_url: Such as `http://127.0.0.1:8000/v1`.
        api_key: Sent as a bearer token; shown nowhere.
        timeout: Seconds that a whole request may take.

    Raises:
        EngineError: The URL is no HTTP URL.
    """

    def __init__(self, base_url: str, api_key: str | None, timeout: float) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise EngineError(
                "base_url must be an HTTP URL without a user name, such as "
                "http://127.0.0.1:8000/v1."
            )
        self._secure = parts.scheme == "https"
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path.rstrip("/")
        self._key = api_key
        self._timeout = timeout
        self._local = threading.local()
        self._open: set[http.client.HTTPConnection] = set()

    def send(self, method: str, path: str, content: dict[str, Any] | None = None) -> Any:
        """The JSON that the server answers with.

        Raises:
            TransientError: No answer, not in time, no JSON, or a status that passes.
            RefusedError: A status that stays.
            UnfitError: JSON that nests too deeply to be read.
        """
        deadline = time.monotonic() + self._timeout
        try:
            status, retry_after, body = self._exchange(method, path, content, deadline)
        except TimeoutError as error:
            self.forget()
            raise TransientError(f"no answer within {self._timeout:g} s") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.forget()
            raise TransientError(self._hidden(error_line(error))) from error
        if status in TRANSIENT_STATUS:
            raise TransientError(self._hidden(f"status {status}{_said(body)}"), retry_after)
        if status != 200:
            raise RefusedError(status, self._hidden(f"status {status}{_said(body)}"))
        try:
            return json.loads(body)
        except ValueError as error:
            raise TransientError("the answer is no JSON") from error
        except RecursionError as error:
            raise UnfitError("it nests too deeply") from error

    def forget(self) -> None:
        """Close this thread's connection; the next request opens another."""
        connection = self._local.__dict__.pop("connection", None)
        if connection is not None:
            self._open.discard(connection)
            connection.close()

    def abort(self) -> None:
        """End the requests that other threads are waiting for."""
        for connection in list(self._open):
            if connection.sock is not None:
                try:
                    connection.sock.shutdown(2)
                except OSError:
                    continue

    def _exchange(
        self, method: str, path: str, content: dict[str, Any] | None, deadline: float
    ) -> tuple[int, float, bytes]:
        connection = self._connection()
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        connection.timeout = _left(deadline)
        if connection.sock is None:
            connection.connect()
        connection.sock.settimeout(_left(deadline))
        connection.response_class = partial(_TimedResponse, deadline)  # type: ignore[assignment]
        data = None if content is None else json.dumps(content).encode()
        connection.request(method, self._path + path, data, headers)
        response = connection.getresponse()
        body = bytearray()
        while part := response.read1(2**16):
            body += part
            if len(body) > MAX_BODY:
                raise ValueError("the answer does not end")
        if response.length:
            raise http.client.IncompleteRead(bytes(body), response.length)
        response.close()
        after = response.headers.get("Retry-After", "")
        if response.will_close:
            self.forget()
        return response.status, float(after) if after.isdigit() else 0.0, bytes(body)

    def _connection(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None
        connection = self._local.__dict__.get("connection")
        if connection is None:
            kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            connection = kind(self._host, self._port, timeout=self._timeout)
            self._local.connection = connection
            self._open.add(connection)
        return connection

    def _hidden(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text


class _TimedResponse(http.client.HTTPResponse):
    """A response of which all, headers included, must be there by a deadline."""

    def __init__(self, deadline: float, sock: socket.socket, **options: Any) -> None:
        super().__init__(sock, **options)
        raw = sock.makefile("rb", buffering=0)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedReader(raw, sock, deadline))


class _TimedReader(io.RawIOBase):
    """Reads a socket until a deadline; of a server that trickles no single read times out."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float) -> None:
        self._raw, self._sock, self._deadline = raw, sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_left(self._deadline))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _left(deadline: float) -> float:
    """Seconds until a deadline.

    Raises:
        TimeoutError: It is over.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _said(body: bytes) -> str:
    """What an error's body says, in one line."""
    text = body[:2000].decode("utf-8", "replace")
    try:
        found = json.loads(text)
        error = found.get("error", found)
        text = str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, AttributeError, RecursionError):
        pass
    line = printable(" ".join(text.split()), 200)
    return f" ({line})" if line else ""
