"""Rows of Parquet files, as the same rows in JSONL would be."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet as pq

from cb_datasets.errors import SourceError
from cb_datasets.sources import read_source
from cb_datasets.sources.files.data_files import DataFile
from cb_datasets.sources.files.parquet import ParquetRows
from cb_datasets.sources.rows import RawRow
from tests.sources.files.row_writing import record

NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)


def table(folder: Path, columns: dict[str, Any] | pa.Table, **options: Any) -> ParquetRows:
    path = folder / "rows.parquet"
    made = columns if isinstance(columns, pa.Table) else pa.table(columns)
    pq.write_table(made, path, **options)
    return ParquetRows(DataFile(str(path)))


def dataset(folder: Path, rows: list[dict[str, Any]], features: Any = None) -> ParquetRows:
    from datasets import Dataset

    path = folder / "rows.parquet"
    Dataset.from_list(rows, features=features).to_parquet(path)
    return ParquetRows(DataFile(str(path)))


def rows(file: ParquetRows) -> list[Any]:
    return [raw.row if isinstance(raw, RawRow) else raw.reason for raw in file]


def test_a_row_is_named_by_its_number_and_the_file_by_its_hash(tmp_path: Path):
    file = table(tmp_path, {"id": list(range(1000))}, row_group_size=300)
    places = [raw.place for raw in file if isinstance(raw, RawRow)]
    assert [place.line for place in places] == list(range(1, 1001))
    assert {place.file for place in places} == {"rows.parquet"}
    data = (tmp_path / "rows.parquet").read_bytes()
    assert (file.lines, file.size) == (1000, len(data))
    assert file.sha256 == hashlib.sha256(data).hexdigest()


@given(st.lists(st.dictionaries(st.text("abcé", max_size=3), NUMBERS), min_size=1, max_size=4))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_json_columns_come_back_to_the_last_digit(tmp_path: Path, told: list[dict[str, Any]]):
    from datasets import Features, Json, Value

    # Written by hand: the encoder of `Json()` keeps ten decimals of a float.
    columns = {"id": [str(n) for n in range(len(told))], "arguments": list(map(json.dumps, told))}
    features = Features({"id": Value("string"), "arguments": Json()})
    schema = features.arrow_schema
    made = pa.table(columns).cast(pa.schema(schema, metadata=schema.metadata))
    found = rows(table(tmp_path, made))
    assert [json.dumps(row["arguments"]) for row in found] == list(map(json.dumps, told))


def test_a_text_in_a_json_column_is_that_text(tmp_path: Path):
    from datasets import Features, Json

    told = ["Hello", "12 apples", "", [{"type": "text", "text": "Hi"}], {"n": 1}, 7, None]
    file = dataset(tmp_path, [{"content": each} for each in told], Features({"content": Json()}))
    assert [row["content"] for row in rows(file)] == told


def test_members_that_other_rows_have_are_no_arguments_of_a_call(tmp_path: Path):
    calls = [
        {"name": "book", "arguments": {"seats": 2, "table": None}},
        {"name": "cancel", "arguments": {"reason": "rain"}},
        {"name": "list", "arguments": {"seats": 0, "table": ""}},
    ]
    found = rows(table(tmp_path, {"calls": [[call] for call in calls]}))
    assert [row["calls"][0] for row in found] == [
        {"name": "book", "arguments": {"seats": 2}},
        {"name": "cancel", "arguments": {"reason": "rain"}},
        {"name": "list", "arguments": {"seats": 0, "table": ""}},
    ]


def test_columns_keep_their_nulls(tmp_path: Path):
    assert rows(table(tmp_path, {"a": [None, 1], "b": [[None, "x"], None]})) == [
        {"a": None, "b": [None, "x"]},
        {"a": 1, "b": None},
    ]


def test_times_become_iso_text(tmp_path: Path):
    moment = datetime(2024, 5, 20, 10, 30, tzinfo=timezone.utc)
    columns = {
        "zoned": pa.array([moment], pa.timestamp("us", "UTC")),
        "plain": pa.array([moment.replace(tzinfo=None)], pa.timestamp("s")),
        "nano": pa.array([1716201000000000001], pa.timestamp("ns")),
        "day": pa.array([date(2024, 5, 20)]),
    }
    assert rows(table(tmp_path, columns)) == [
        {
            "zoned": "2024-05-20T10:30:00+00:00",
            "plain": "2024-05-20T10:30:00",
            "nano": "2024-05-20T10:30:00.000000001",
            "day": "2024-05-20",
        }
    ]


UNFIT = [
    (pa.array([None, b"\x89PNG"]), "a value of type bytes, which JSON does not have"),
    (pa.array([None, Decimal("0.1")]), "a value of type Decimal"),
    (pa.array([None, 5], pa.duration("s")), "a value of type timedelta"),
    (pa.array([None, 5], pa.duration("ns")), "a value of type Timedelta"),
    (pa.array([None, [("k", 1)]], pa.map_(pa.string(), pa.int64())), "a value of type tuple"),
    (pa.array([None, 2**60], pa.timestamp("ms")), "Python int too large"),
    (pa.array([None, 10**8], pa.date32()), "date value out of range"),
    (pa.array([1.5, float("nan")]), "NaN is no JSON value"),
    (pa.array([[], [{"a": float("nan")}]]), "NaN is no JSON value"),
    (pa.array([1.5, float("-inf")]), "infinity is no JSON value"),
    (pa.array([1, 2**63], pa.uint64()), "an integer of more than 64 bits"),
    (pa.array(["x", "\0"]), "NUL character in a text"),
    (pa.array([{"a": "x"}, {"a": "\0"}]), "NUL character in a text"),
    (pa.array([b"x", b"\xff"]).view(pa.string()), "invalid UTF-8 in a text"),
]


@pytest.mark.parametrize(
    ("values", "reason"),
    UNFIT,
    ids=lambda value: value if isinstance(value, str) else str(value.type),
)
def test_a_value_that_json_does_not_have_is_told_to_whoever_asks_for_it(
    tmp_path: Path, values: pa.Array, reason: str
):
    doubled = pa.concat_arrays([values, values.slice(0, 1)])
    first, gap, last = rows(table(tmp_path, {"id": [1, 2, 3], "x": doubled}))
    assert first["x"] == last["x"]
    assert dict(gap) == {"id": 2}
    assert (gap["id"], gap.get("y"), "y" in gap) == (2, None, False)
    for ask in (lambda: gap["x"], lambda: gap.get("x"), lambda: "x" in gap):
        with pytest.raises(ValueError, match=f"^column 'x': {reason}"):
            ask()


def test_columns_that_no_reader_asks_for_cost_no_row(tmp_path: Path):
    told = [record(name) for name in "ab"]
    made = pa.Table.from_pylist([{"id": row["id"], "log": json.dumps(row)} for row in told])
    for number, (values, _) in enumerate(UNFIT):
        made = made.append_column(f"x{number}", values)
    table(tmp_path, made)
    where = {"id": "id", "messages": "log.messages", "tools": "log.tools", "accepted": "log.done"}
    report = read_source("generic", tmp_path / "rows.parquet", mapping=where).report
    assert (report.rows, report.malformed) == (2, [])
    wanted = {**where, "accepted": "x7"}
    (wrong,) = read_source("generic", tmp_path / "rows.parquet", mapping=wanted).report.malformed
    assert (wrong.line, wrong.reason) == (2, "column 'x7': NaN is no JSON value")


@pytest.mark.parametrize("text", ['{"n": NaN}', '{"n": 1e999}', '{"n": ', '{"n": "\\ud800"}'])
def test_json_text_that_cannot_be_stored_is_told_to_whoever_asks_for_it(tmp_path: Path, text: str):
    from datasets import Features, Json

    schema = Features({"arguments": Json()}).arrow_schema
    made = pa.table({"arguments": ['{"n": 1}', text, "[]"]}).cast(schema)
    first, gap, last = rows(table(tmp_path, made))
    assert [first, last] == [{"arguments": {"n": 1}}, {"arguments": []}]
    with pytest.raises(ValueError, match=r"^column 'arguments': "):
        gap.get("arguments")


def test_notes_of_a_stranger_on_the_columns_are_not_trusted(tmp_path: Path):
    for notes in (b"{", b"[]", b'{"info": {"features": {"id": 7}}}', b'{"info": 1}', b"[" * 9999):
        made = pa.table({"id": [1]}).replace_schema_metadata({b"huggingface": notes})
        assert rows(table(tmp_path, made)) == [{"id": 1}]


def test_dictionaries_and_large_texts_are_plain_texts(tmp_path: Path):
    columns = {
        "a": pa.array(["x", "y", "x"]).dictionary_encode(),
        "b": pa.array(["x", None, ""], pa.large_string()),
        "c": pa.array([["x"], [], None], pa.large_list(pa.string())),
    }
    assert rows(table(tmp_path, columns)) == [
        {"a": "x", "b": "x", "c": ["x"]},
        {"a": "y", "b": None, "c": []},
        {"a": "x", "b": "", "c": None},
    ]


@pytest.mark.parametrize("keep", [4, 100, -1])
def test_half_a_file_is_one_sentence(tmp_path: Path, keep: int):
    table(tmp_path, {"id": list(range(1000))})
    path = tmp_path / "rows.parquet"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(SourceError, match=r"rows.parquet: the Parquet file cannot be read \("):
        read_source("generic", path)


def test_the_same_scenarios_as_from_jsonl(tmp_path: Path):
    told = [record(name) for name in "abc"]
    told[1]["messages"][1]["tool_calls"][0]["function"]["arguments"] = {"day": "2024-05-20"}
    dataset(tmp_path, told)
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, told)))
    options = {"mapping": {"accepted": "done"}}
    both = [
        read_source("generic", tmp_path / f"rows.{ending}", **options).scenarios.to_list()
        for ending in ("parquet", "jsonl")
    ]
    for scenarios in both:
        for row in scenarios:
            del row["provenance"]
    assert both[0] == both[1]


def test_malformed_rows_are_counted_and_an_empty_table_holds_none(tmp_path: Path):
    said = [json.dumps(record(name)["messages"]) for name in "abc"]
    said[1] = "[]"
    table(tmp_path, {"id": ["a", "b", "c"], "messages": said})
    report = read_source("generic", tmp_path / "rows.parquet").report
    assert (report.lines, report.rows, report.scenarios) == (3, 2, 2)
    assert [(line.line, line.reason[:17]) for line in report.malformed] == [
        (2, "messages is empty")
    ]
    table(tmp_path, pa.table({"id": pa.array([], pa.string())}))
    with pytest.raises(SourceError, match=r"rows.parquet: the file holds no rows"):
        read_source("generic", tmp_path / "rows.parquet")
