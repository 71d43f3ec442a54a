"""What is wrong with a row costs that row alone: it is named with file, line and reason."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cb_datasets.errors import SourceError
from cb_datasets.sources import SourceRead, find_source, read_source
from cb_datasets.sources.source import SOURCES
from tests.sources.files.row_writing import (
    DOCUMENTS,
    FORMATS,
    Write,
    array,
    lines,
    record,
    record_text,
    zipped,
    zipped_array,
)

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00ff\nsize 12345\n"

DEFECTS = {
    "a number": (b"7", "not a JSON object but int"),
    "a text": (b'"row"', "not a JSON object but str"),
    "a list": (b"[1, [2]]", "not a JSON object but list"),
    "null": (b"null", "not a JSON object but NoneType"),
    "an object of something else": (b'{"log": []}', "messages .*is missing"),
    "a value missing": (b'{"id": "x", "messages": }', "broken JSON: Expecting value"),
    "a comma missing": (b'{"id": "x" "messages": []}', "broken JSON: Expecting ',' delimiter"),
    "single quotes": (b"{'id': 1}", "broken JSON: Expecting property name"),
    "a raw NUL": (record_text("x").replace(b"table", b"ta\x00ble"), "NUL|Invalid control"),
    "an escaped NUL": (record_text("x").replace(b"table", b"ta\\u0000ble"), "NUL character"),
    "half a pair": (record_text("x").replace(b"table", b"\\ud83d"), "half a surrogate pair"),
    "half a pair in a name": (record_text("x").replace(b"seats", b"\\uDC00"), "half a surrogate"),
    "NaN": (record_text("x", done=float("nan")), "column 'done': NaN is no JSON value"),
    "Infinity": (record_text("x", done=float("inf")), "column 'done': infinity is no JSON value"),
    "-Infinity": (record_text("x", tools=[-float("inf")]), "column 'tools': infinity is no JSON"),
    "a large exponent": (b'{"id": "x", "messages": 1e999}', "infinity is no JSON value"),
    "65 bits": (record_text("x", done=2**64), "an integer of more than 64 bits"),
    "thousands of digits": (b'{"messages": ' + b"9" * 5000 + b"}", "more than 64 bits"),
    "deep nesting": (b'{"messages": ' + b"[" * 600 + b"]" * 600 + b"}", "nested too deeply"),
    "very deep nesting": (b'{"id": ' + b"[" * 99_999 + b"]" * 99_999 + b"}", "too deeply"),
    "no messages": (record_text("x", messages=[]), "messages is empty"),
    "messages as a number": (record_text("x", messages=3), "messages is a number"),
    "a message as text": (record_text("x", messages=["Hi"]), "message 0"),
    "an unknown role": (record_text("x", messages=[{"role": "judge"}]), "message 0 .*role"),
}


@pytest.fixture(autouse=True)
def boxed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The generic source, as if upstream wrapped its rows into an object."""
    source = replace(find_source("generic"), name="boxed", records_key="records")
    monkeypatch.setitem(SOURCES.built_in, "boxed", source)


def read(path: Path, **options: Any) -> SourceRead:
    found = read_source("boxed", path, mapping={"accepted": "done"}, **options)
    report = found.report
    assert report.lines == sum(file.lines for file in report.files)
    counted = report.rows + len(report.repeated) + report.skipped.total() + len(report.malformed)
    assert counted == report.lines
    assert report.scenarios == found.scenarios.num_rows
    return found


def names(found: SourceRead) -> list[str]:
    return [name.rpartition("/")[2] for name in found.scenarios["id"]]


@pytest.mark.parametrize("write", FORMATS, ids=lambda write: write.__name__)
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_named_by_file_and_line_and_costs_no_other_row(
    tmp_path: Path, write: Write, defect: str
):
    text, reason = DEFECTS[defect]
    good = [record_text(name) for name in "abcd"]
    path = write(tmp_path, [good[0], good[1], text, *good[2:]])
    found = read(path)
    assert names(found) == ["a", "b", "c", "d"]
    (wrong,) = found.report.malformed
    assert (wrong.file, wrong.line) == (path.name.removesuffix(".gz"), 3)
    assert re.search(reason, wrong.reason)
    assert "\n" not in wrong.reason
    assert len(wrong.reason) < 300


@pytest.mark.parametrize("write", FORMATS, ids=lambda write: write.__name__)
def test_what_cannot_be_stored_costs_no_row_where_no_column_of_it_is_read(
    tmp_path: Path, write: Write
):
    unused: dict[str, Any] = {
        "score": float("nan"),
        "loss": [float("inf"), {"at": -float("inf")}],
        "seed": 2**64,
        "note": "half \ud83d",
        # In here a default of the mapping would look for the model's name.
        "metadata": {"temperature": float("nan")},
    }
    found = read(write(tmp_path, [record_text(name, **unused) for name in "abc"]))
    assert names(found) == ["a", "b", "c"]
    assert not found.report.malformed


@given(st.lists(st.sampled_from(["good", *DEFECTS]), min_size=1, max_size=12), st.data())
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_however_defects_are_strewn_all_good_rows_are_read_and_the_rest_is_named(
    tmp_path: Path, kinds: list[str], data: st.DataObject
):
    write = data.draw(st.sampled_from(FORMATS))
    kinds = ["good", *kinds]
    texts = [record_text(str(n)) if k == "good" else DEFECTS[k][0] for n, k in enumerate(kinds)]
    found = read(write(tmp_path, texts), max_malformed=1)
    assert names(found) == [str(n) for n, kind in enumerate(kinds) if kind == "good"]
    wrong = [n for n, kind in enumerate(kinds, 1) if kind != "good"]
    assert [line.line for line in found.report.malformed] == wrong


@pytest.mark.parametrize("write", [lines, zipped], ids=lambda write: write.__name__)
def test_a_truncated_line_costs_no_other(tmp_path: Path, write: Write):
    found = read(write(tmp_path, [record_text("a"), record_text("b")[:40], record_text("c")]))
    assert names(found) == ["a", "c"]
    (wrong,) = found.report.malformed
    assert wrong.line == 2
    assert wrong.reason.startswith("broken JSON: ")


@pytest.mark.parametrize("write", DOCUMENTS, ids=lambda write: write.__name__)
@pytest.mark.parametrize("cut", [30, 3])
def test_half_a_document_gives_the_records_before_the_cut_and_says_so(
    tmp_path: Path, write: Write, cut: int
):
    path = write(tmp_path, [record_text(name) for name in "abc"])
    data = path.read_bytes()
    if packed := data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    half = data[: data.index(b'{"id": "c"') + cut]
    path.write_bytes(gzip.compress(half) if packed else half)
    found = read(path)
    assert names(found) == ["a", "b"]
    (wrong,) = found.report.malformed
    assert wrong.line == 3
    assert wrong.reason.endswith("; the file cannot be read on from here")


@pytest.mark.parametrize("write", DOCUMENTS, ids=lambda write: write.__name__)
def test_a_record_without_an_end_costs_the_rest_of_a_document_and_says_so(
    tmp_path: Path, write: Write
):
    torn = record_text("b").replace(b'."', b".")
    found = read(write(tmp_path, [record_text("a"), torn, record_text("c")]))
    assert names(found) == ["a"]
    (wrong,) = found.report.malformed
    assert wrong.line == 2
    assert wrong.reason.endswith("; the file cannot be read on from here")


@pytest.mark.parametrize("write", [zipped, zipped_array], ids=lambda write: write.__name__)
def test_half_a_gzip_file_stops_the_read_since_nobody_knows_what_is_missing(
    tmp_path: Path, write: Write
):
    path = write(tmp_path, [record_text(str(n)) for n in range(2000)])
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(SourceError, match="the file cannot be read on") as caught:
        read(path)
    assert caught.value.file == str(path)


@pytest.mark.parametrize("write", [lines, zipped, array], ids=lambda write: write.__name__)
def test_a_record_of_50_mb_is_passed_over(tmp_path: Path, write: Write):
    long = record_text("long", noise="x" * 50_000_000)
    found = read(write(tmp_path, [record_text("a"), long, record_text("b")]))
    assert names(found) == ["a", "b"]
    (wrong,) = found.report.malformed
    assert (wrong.line, wrong.reason) == (2, "longer than 32 MiB")


def with_arguments(name: str, arguments: Any) -> bytes:
    row = record(name)
    row["messages"][1]["tool_calls"][0]["function"]["arguments"] = arguments
    return json.dumps(row).encode()


@pytest.mark.parametrize("write", FORMATS, ids=lambda write: write.__name__)
def test_arguments_as_text_are_decoded_if_they_hold_an_object_and_refused_otherwise(
    tmp_path: Path, write: Write
):
    given_ones = ['{"seats": 3, "share": 0.30000000000000004}', "", None, {"seats": 1}]
    refused = [[1, 2], "[1]", "seats=3", '{"seats": ', 4, True]
    rows = [with_arguments(str(n), each) for n, each in enumerate([*given_ones, *refused])]
    found = read(write(tmp_path, rows), max_malformed=0.9)
    assert names(found) == ["0", "1", "2", "3"]
    held = [row["recorded"]["calls"][0]["arguments"] for row in found.scenarios]
    assert held == [{"seats": 3, "share": 0.1 + 0.2}, {}, {}, {"seats": 1}]
    assert [line.line for line in found.report.malformed] == [5, 6, 7, 8, 9, 10]
    assert all("arguments is" in line.reason for line in found.report.malformed)


@pytest.mark.parametrize("write", FORMATS, ids=lambda write: write.__name__)
def test_rows_without_id_are_told_apart_by_their_line_and_a_repeated_id_is_named(
    tmp_path: Path, write: Write
):
    bare = {key: value for key, value in record("x").items() if key != "id"}
    texts = [record_text("a"), json.dumps(bare).encode(), record_text("a"), record_text("b")]
    texts.append(json.dumps({**bare, "id": None}).encode())
    path = write(tmp_path, texts)
    found = read(path)
    name = path.name.removesuffix(".gz")
    assert names(found) == ["a", f"{name}:2", "b", f"{name}:5"]
    (again,) = found.report.repeated
    assert (again.file, again.line) == (name, 3)
    assert again.scenario_id == found.scenarios["id"][0]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.jsonl.gz", "rows.parquet"])
def test_a_git_lfs_pointer_is_known_whatever_the_file_is_called(tmp_path: Path, name: str):
    lines(tmp_path, [record_text("a"), record_text("b")]).rename(tmp_path / "good.jsonl")
    (tmp_path / name).write_bytes(POINTER)
    found = read(tmp_path)
    assert names(found) == ["a", "b"]
    (wrong,) = found.report.malformed
    assert (wrong.file, wrong.line) == (name.removesuffix(".gz"), 1)
    assert "git lfs pull" in wrong.reason
    with pytest.raises(SourceError, match="a git-lfs pointer in place of the data"):
        read(tmp_path / name)


@pytest.mark.parametrize("write", FORMATS, ids=lambda write: write.__name__)
def test_byte_order_mark_windows_line_ends_and_blank_lines_are_no_defect(
    tmp_path: Path, write: Write
):
    path = write(tmp_path, [record_text(name) for name in "abc"])
    data = path.read_bytes()
    if packed := data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    data = b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n\r\n  \r\n") + b"\r\n\r\n"
    path.write_bytes(gzip.compress(data) if packed else data)
    found = read(path)
    assert names(found) == ["a", "b", "c"]
    assert found.report.lines == 3
    assert found.report.malformed == []


@pytest.mark.parametrize(
    "data", [b"", b"\n \r\n", b"[]", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)]
)
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.jsonl.gz"])
def test_an_empty_file_is_said_to_hold_no_rows(tmp_path: Path, name: str, data: bytes):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SourceError, match="the file holds no rows"):
        read(tmp_path / name)
    lines(tmp_path, [record_text("a")]).rename(tmp_path / "good.jsonl")
    if name != "rows.jsonl":
        (tmp_path / "rows.jsonl").unlink(missing_ok=True)
    assert names(read(tmp_path)) == ["a"]


@pytest.mark.parametrize("write", FORMATS, ids=lambda write: write.__name__)
def test_more_than_the_threshold_stops_the_read_and_max_malformed_moves_it(
    tmp_path: Path, write: Write
):
    path = write(tmp_path, [b'{"id": 1}', record_text("a"), b"7", b'{"id": 2}', record_text("b")])
    with pytest.raises(SourceError, match=r"line 1: messages .*is missing.*3 of 5 lines") as caught:
        read(path)
    assert caught.value.file == str(path)
    assert caught.value.line == 1
    assert names(read(path, max_malformed=0.6)) == ["a", "b"]
    with pytest.raises(SourceError, match=r"3 of 5 lines"):
        read(path, max_malformed=0.59)
    fine = write(tmp_path, [record_text("a"), record_text("b")])
    assert names(read(fine, max_malformed=0)) == ["a", "b"]


@pytest.mark.parametrize("share", ["half", -0.1, 1.5, None, float("nan"), [1]])
def test_a_threshold_that_is_no_share_is_one_sentence(tmp_path: Path, share: Any):
    path = lines(tmp_path, [record_text("a")])
    with pytest.raises(
        SourceError, match=r"max_malformed is .*; it must be (a number|between 0 and 1)$"
    ):
        read(path, max_malformed=share)


def test_many_files_of_one_record_are_judged_together(tmp_path: Path):
    for n in range(6):
        text = record_text(str(n)) if n % 3 else b'{"id": "torn'
        (tmp_path / f"{n}.json").write_bytes(text)
    found = read(tmp_path)
    assert names(found) == ["1", "2", "4", "5"]
    assert [(line.file, line.line) for line in found.report.malformed] == [
        *(("0.json", 1), ("3.json", 1))
    ]
    with pytest.raises(SourceError, match="2 of 6 lines"):
        read(tmp_path, max_malformed=0.3)


def test_a_voice_run_is_counted_and_set_aside(tmp_path: Path):
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    spoken = {"id": "v", "task_id": "1", "trial": 0, "ticks": [{"t": 0}], "messages": []}
    written = {"id": "w", "task_id": "2", "trial": 0, "messages": said}
    for run in (spoken, written):
        run |= {"reward_info": {"reward": 1.0}, "termination_reason": "user_stop"}
    results = {"info": {}, "tasks": [], "simulations": [spoken, written]}
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    report = read_source("tau2", path).report
    assert (report.lines, report.rows, report.malformed) == (2, 2, [])
    assert report.set_aside == {"voice_run": 1}
