"""What a journal holds on disk, read with nothing of the code that reads journals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cb_datasets.engines.journal.part import payload_of


def kept_records(folder: Path) -> list[dict[str, Any]]:
    """The records of all whole lines but headers; a line that a process was killed in is none."""
    found = []
    for part in sorted(folder.glob("part-*.journal")):
        for line in part.read_bytes().split(b"\n")[1:-1]:
            text = payload_of(line)
            assert text is not None
            found.append(json.loads(text))
    return found
