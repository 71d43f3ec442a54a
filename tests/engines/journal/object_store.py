"""An object store that speaks S3's HTTP on this machine, and that can be cut off."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import pytest


class ObjectStore:
    """Objects in memory behind a port of 127.0.0.1; they outlive being cut off.

    Attributes:
        environment: The variables by which s3fs finds it, from another process too.
    """

    def __init__(self) -> None:
        pytest.importorskip("moto", reason="an object store needs moto[server] (the dev extra)")
        pytest.importorskip("s3fs", reason="object storage needs s3fs (the dev extra)")
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server: Any = None
        self._port = 0
        self.connect()
        self.environment = {
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "something",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}",
            # Of each request one attempt, so that tests need not wait.
            "AWS_MAX_ATTEMPTS": "1",
        }

    def connect(self) -> None:
        """Answer, at the same port as before."""
        from moto.server import ThreadedMotoServer

        self._server = ThreadedMotoServer("127.0.0.1", self._port, verbose=False)
        self._server.start()
        _, self._port = self._server.get_host_and_port()

    def cut_off(self) -> None:
        """Refuse every connection."""
        self._server.stop()

    def new_url(self) -> str:
        """A place in which nothing is."""
        return f"s3://bucket/{uuid.uuid4().hex}"
