"""The real traces."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="package")
def raw(realdata: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Traces by file and index."""
    rows = {}
    for path in sorted((realdata / "agentdojo").glob("*.gz")):
        with gzip.open(path, "rt") as lines:
            for row in map(json.loads, lines):
                if "messages" in row:
                    rows[path.name.removesuffix(".gz"), row["index"]] = row
    return rows
