"""A server of completions that answers well, or as badly as a test says."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

EOT = 5
FAST = {"retries": 2, "backoff": 0.01, "timeout": 5.0, "concurrency": 4}


def good(body: dict[str, Any]) -> dict[str, Any]:
    """What a server answers that does all it should."""
    ids = [*((i * 7 + body["seed"]) % 200 + 50 for i in body["prompt"]), EOT]
    choice = {"text": "…", "token_ids": ids, "finish_reason": "stop"}
    return {"choices": [choice], "usage": {"prompt_tokens": len(body["prompt"])}}


class Server:
    """Answers as `misbehave` says, given the prompt and how often it has been sent; else well."""

    def __init__(self) -> None:
        self.misbehave: Callable[[int, int], Any] = lambda prompt, times: None
        self.seen: Counter[int] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        self.busy = self.most_busy = 0
        self.ended = threading.Event()
        lock, outer = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments: object) -> None:
                pass

            def answer(self, content: Any, status: int = 200, **headers: str) -> None:
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self) -> None:
                outer.keys.add(self.headers["Authorization"])
                self.answer({"data": [{"id": "the-model", "max_model_len": 40}]})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    number = body["prompt"][1]
                    outer.seen[number] += 1
                    outer.bodies.append(body)
                    outer.busy += 1
                    outer.most_busy = max(outer.most_busy, outer.busy)
                try:
                    how = outer.misbehave(number, outer.seen[number])
                    if how is None:
                        self.answer(good(body))
                    else:
                        how(self, body)
                finally:
                    with lock:
                        outer.busy -= 1

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()


def status(code: int, **headers: str) -> Any:
    return lambda handler, body: handler.answer({"error": {"message": "so"}}, code, **headers)


def raw(content: Any) -> Any:
    return lambda handler, body: handler.answer(content)


def cut_off(handler: Any, body: dict[str, Any]) -> None:
    """Promises more than it sends."""
    data = json.dumps(good(body)).encode()
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data[:-10])
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def hang_up(handler: Any, body: dict[str, Any]) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def answer(**changed: Any) -> Any:
    """An answer like a good one, but for what is changed of its choice."""

    def give(handler: Any, body: dict[str, Any]) -> None:
        (choice,) = good(body)["choices"]
        handler.answer({"choices": [{**choice, **changed}]})

    return give


def spelt(number: str) -> Any:
    """An answer whose log-probabilities hold a number as it is spelt."""
    text = '{"choices": [{"token_ids": [60, %d], "finish_reason": "stop", "logprobs": '
    text += '{"token_logprobs": [-0.5, %s]}}]}'
    return raw((text % (EOT, number)).encode())
