"""A server for a test, and an engine that asks it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cb_datasets.engines.server.engine import ServerEngine
from tests.engines.server.written_server import FAST, Server


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.ended.set()
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture
def engine(server: Server, model_folder: Path) -> ServerEngine:
    return ServerEngine(model_folder, base_url=server.url, **FAST)  # type: ignore[arg-type]
