"""A build of a few scenarios that a person has in a file, and its folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from datasets import Dataset

from tests.cli.command import exit_code

SAMPLES = ["--num-samples", "8"]


@pytest.fixture(scope="session")
def asked(demo: Dataset, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The options of that build, but for how many samples."""
    folder = tmp_path_factory.mktemp("logs")
    rows = [row for row in demo if row["expected"]["calls"]][::60]
    lines = [
        {
            "id": row["id"],
            "messages": row["messages"],
            "tools": row["tools"],
            "right": row["expected"]["calls"][0]["name"],
        }
        for row in rows
    ]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (folder / "map.yaml").write_text("expected: {calls: right}")
    source = ["--source", f"generic={folder / 'queries.jsonl'}"]
    mapping = ["-O", f"generic.mapping={folder / 'map.yaml'}"]
    return [*source, *mapping, "--eval-fraction", "0", "--max-new-tokens", "24"]


@pytest.fixture(scope="session")
def whole(asked: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build in one piece, `out`, and its samples in the `journal` beside it."""
    folder = tmp_path_factory.mktemp("whole")
    given = ["build", str(folder / "out"), *asked, *SAMPLES, "--journal", str(folder / "journal")]
    # A gate fails: there is no attack among so few scenarios.
    assert exit_code(*given) == 1
    return folder
