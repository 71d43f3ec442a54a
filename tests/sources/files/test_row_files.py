"""Which reader a file gets: by its content, whatever it is called."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from cb_datasets.errors import SourceError
from cb_datasets.sources.files.data_files import DataFile, resolve_data_files
from cb_datasets.sources.files.json_document import JsonDocument
from cb_datasets.sources.files.jsonl import JsonlFile
from cb_datasets.sources.files.parquet import ParquetRows
from cb_datasets.sources.files.row_files import open_row_file, open_row_files
from cb_datasets.sources.rows import CONTAINER, RawRow

NAMES = ("rows.jsonl", "rows.ndjson", "rows.json", "rows.jsonl.gz", "rows.json.gz", "rows.txt", "x")
RECORDS = [{"id": 1, "m": {"n": [1, 2]}}, {"id": 2, "m": {}}, {"id": 3}]


def write(folder: Path, name: str, data: str | bytes) -> DataFile:
    raw = data.encode() if isinstance(data, str) else data
    path = folder / name
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return DataFile(str(path))


def rows(file: DataFile, key: str | None = None) -> list[dict[str, Any]]:
    return [raw.row for raw in open_row_file(file, key) if isinstance(raw, RawRow)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "text",
    [
        "\n".join(map(json.dumps, RECORDS)),
        "\n\n" + "\r\n".join(map(json.dumps, RECORDS)) + "\r\n",
        "\ufeff" + "\n".join(map(json.dumps, RECORDS)),
        json.dumps(RECORDS),
        json.dumps(RECORDS) + "\n",
        json.dumps(RECORDS, indent=2),
        "[" + ",\n".join(map(json.dumps, RECORDS)) + "]",
        "[\n" + ",\n".join(map(json.dumps, RECORDS)) + "\n]\n",
        "\ufeff \n" + json.dumps(RECORDS, indent=1),
    ],
    ids=["jsonl", "crlf", "bom", "one-line", "line-end", "pretty", "array", "lines", "bom-pretty"],
)
def test_content_and_not_the_name_tells_how_a_file_is_read(tmp_path: Path, name: str, text: str):
    assert rows(write(tmp_path, name, text)) == RECORDS


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_container_is_opened_by_the_name_of_its_list(
    tmp_path: Path, name: str, indent: int | None
):
    file = write(tmp_path, name, json.dumps({"guid": "g", "runs": RECORDS}, indent=indent))
    assert rows(file, "runs") == [{**row, CONTAINER: {"guid": "g"}} for row in RECORDS]
    assert rows(file) == [{"guid": "g", "runs": RECORDS}]


@pytest.mark.parametrize("name", ["one.json", "one.jsonl"])
def test_one_pretty_printed_object_is_one_row(tmp_path: Path, name: str):
    assert rows(write(tmp_path, name, json.dumps(RECORDS[0], indent=4))) == RECORDS[:1]


def test_rows_on_lines_are_no_container_even_if_the_first_has_that_member(tmp_path: Path):
    text = '{"id": 1, "runs": 3}\n{"id": 2}'
    assert rows(write(tmp_path, "rows.json", text), "runs") == [{"id": 1, "runs": 3}, {"id": 2}]


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl", "rows.txt"])
@pytest.mark.parametrize("first", ['{"id": 0, "m', "[1, 2]", '{"id": 0}}', "7"])
def test_a_broken_first_line_does_not_make_a_document_of_lines(
    tmp_path: Path, name: str, first: str
):
    text = "\n".join([first, *map(json.dumps, RECORDS)])
    assert rows(write(tmp_path, name, text)) == RECORDS


def test_lines_longer_than_the_look_at_the_start_are_read_as_what_they_are(tmp_path: Path):
    long = [{"id": n, "x": "x" * 1_500_000} for n in range(2)]
    assert rows(write(tmp_path, "a.jsonl", "\n".join(map(json.dumps, long)))) == long
    assert rows(write(tmp_path, "b.json", json.dumps(long))) == long
    assert rows(write(tmp_path, "c.json", json.dumps({"runs": long})), "runs") == [
        {**row, CONTAINER: {}} for row in long
    ]


def test_files_of_all_formats_are_read_in_order(tmp_path: Path):
    import pyarrow as pa
    from pyarrow import parquet as pq

    table = io.BytesIO()
    pq.write_table(pa.table({"id": [7]}), table)
    write(tmp_path, "a.parquet", table.getvalue())
    write(tmp_path, "b.json", '[{"id": 8}]')
    write(tmp_path, "c.jsonl.gz", '{"id": 9}')
    files = resolve_data_files(tmp_path, (".parquet", ".json", ".jsonl"))
    opened = list(open_row_files(files))
    assert [type(file) for file in opened] == [ParquetRows, JsonDocument, JsonlFile]
    found = [raw.row for file in opened for raw in file if isinstance(raw, RawRow)]
    assert found == [{"id": 7}, {"id": 8}, {"id": 9}]


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path):
    with pytest.raises(SourceError, match=r"no.jsonl: cannot be opened \(No such file"):
        open_row_file(DataFile(str(tmp_path / "no.jsonl")))
