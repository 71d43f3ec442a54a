"""AgentDojo's traces, real where they are there."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="package")
def raw(upstream: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Traces by file and index."""
    rows = {}
    for path in sorted((upstream / "agentdojo").glob("*.gz")):
        with gzip.open(path, "rt") as lines:
            for row in map(json.loads, lines):
                if "messages" in row:
                    rows[path.name.removesuffix(".gz"), row["index"]] = row
    return rows
