"""The same records in every format of file, for tests of what a defect costs."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Write = Callable[[Path, Sequence[bytes]], Path]


def record(name: str, **fields: Any) -> dict[str, Any]:
    call = {"type": "function", "function": {"name": "book", "arguments": {"seats": 2}}}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": f"Book table {name}."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
    ]
    return {"id": name, "messages": messages, "done": True} | fields


def record_text(name: str, **fields: Any) -> bytes:
    return json.dumps(record(name, **fields)).encode()


def lines(folder: Path, records: Sequence[bytes]) -> Path:
    path = folder / "rows.jsonl"
    path.write_bytes(b"".join(record + b"\n" for record in records))
    return path


def zipped(folder: Path, records: Sequence[bytes]) -> Path:
    path = folder / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(records), compresslevel=1))
    return path


def array(folder: Path, records: Sequence[bytes]) -> Path:
    path = folder / "rows.json"
    path.write_bytes(b"[" + b",\n".join(records) + b"]")
    return path


def zipped_array(folder: Path, records: Sequence[bytes]) -> Path:
    path = folder / "rows.json.gz"
    path.write_bytes(gzip.compress(b"[" + b" ,\n".join(records) + b"\n]", compresslevel=1))
    return path


def container(folder: Path, records: Sequence[bytes]) -> Path:
    path = folder / "boxed.json"
    path.write_bytes(b'{"guid": "g", "records": [' + b",\n".join(records) + b'], "end": 1}')
    return path


FORMATS: tuple[Write, ...] = (lines, zipped, array, zipped_array, container)
"""Each puts the n-th record on line n."""

DOCUMENTS: tuple[Write, ...] = (array, zipped_array, container)
