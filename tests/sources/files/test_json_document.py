"""Records of a JSON document: where they stand, what surrounds them, and where reading ends."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cb_datasets.errors import SourceError
from cb_datasets.sources.files import json_document
from cb_datasets.sources.files.data_files import DataFile
from cb_datasets.sources.files.json_document import JsonDocument
from cb_datasets.sources.rows import CONTAINER, MalformedLine, RawRow

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(['"', "a", "b]", "{c", "é\\"]), inner, max_size=3)
    ),
    max_leaves=8,
)
RECORDS = st.dictionaries(st.sampled_from(["id", "messages", 'x"y', "[", "\n"]), VALUES)


def document(folder: Path, text: str | bytes, key: str | None = None) -> JsonDocument:
    path = folder / "runs.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return JsonDocument(DataFile(str(path)), key)


def found(document: JsonDocument) -> list[tuple[int, Any]]:
    return [
        (raw.line, raw.reason) if isinstance(raw, MalformedLine) else (raw.place.line, raw.row)
        for raw in document
    ]


def test_each_record_has_the_line_that_it_begins_on(tmp_path: Path):
    text = '\n\n[ {"a":\n 1},\n\n  {"a": "x\\n"}, {"a": 3}\n,{"a": 4}]\n'
    assert found(document(tmp_path, text)) == [
        *((3, {"a": 1}), (6, {"a": "x\n"}), (6, {"a": 3}), (7, {"a": 4}))
    ]


@given(st.lists(RECORDS, max_size=5), st.sampled_from([None, 0, 2]))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_records_come_back_as_they_were_written(
    tmp_path: Path, records: list[dict[str, Any]], indent: int | None
):
    text = json.dumps(records, indent=indent, ensure_ascii=False)
    read = document(tmp_path, text)
    assert [json.dumps(row) for _, row in found(read)] == [json.dumps(row) for row in records]
    assert read.lines == len(records)
    boxed = document(tmp_path, json.dumps({"v": 1, "runs": records, "w": 2}, indent=indent), "runs")
    box = {"v": 1, "w": 2}
    assert [row for _, row in found(boxed)] == [{**row, CONTAINER: box} for row in records]


@given(st.lists(RECORDS, min_size=1, max_size=5), st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_wherever_a_document_is_cut_the_records_before_are_read_and_the_cut_is_named(
    tmp_path: Path, records: list[dict[str, Any]], data: st.DataObject
):
    pieces = [json.dumps(row) for row in records]
    text = "[" + ",\n".join(pieces) + "]"
    cut = data.draw(st.integers(1, len(text) - 1))
    whole = sum(len("[" + ",\n".join(pieces[: n + 1])) <= cut for n in range(len(pieces)))
    *rows, (line, reason) = found(document(tmp_path, text[:cut]))
    assert [row for _, row in rows] == records[:whole]
    assert reason.startswith("broken JSON: ")
    assert reason.endswith("; the file cannot be read on from here")
    assert line in (whole, whole + 1)


@pytest.mark.parametrize(
    "text",
    [
        '{"info": {"v": 1}, "runs": [{"id": 1},\n{"id": 2}]}',
        '{"runs": [{"id": 1},\n{"id": 2}], "info": {"v": 1}}',
        '{"runs": [{"id": 1}],\n"info": {"v": 1}, "runs": [{"id": 2}]}',
    ],
)
def test_members_are_given_to_every_record_wherever_they_stand(tmp_path: Path, text: str):
    read = document(tmp_path, text, "runs")
    box = {"info": {"v": 1}}
    assert found(read) == [(1, {"id": 1, CONTAINER: box}), (2, {"id": 2, CONTAINER: box})]
    assert read.members == box


@pytest.mark.parametrize(
    "text", ['{"info": 1}', '{"info": 1, "runs": null}', '{"runs": {"id": 1}}', "{}"]
)
def test_an_object_without_the_list_is_one_record(tmp_path: Path, text: str):
    assert found(document(tmp_path, text, "runs")) == [(1, json.loads(text))]
    assert found(document(tmp_path, text)) == [(1, json.loads(text))]


def test_an_empty_list_of_records_holds_none(tmp_path: Path):
    assert found(document(tmp_path, '{"info": 1, "runs": []}', "runs")) == []
    assert found(document(tmp_path, " [ ] ")) == []


@pytest.mark.parametrize("behind", ["x", "{}", "]", ", 1", '"'])
def test_what_stands_behind_the_value_is_named_and_costs_nothing(tmp_path: Path, behind: str):
    for text, key in (('[{"a": 1}]', None), ('{"runs": [{"a": 1}]}', "runs"), ('{"a": 1}', None)):
        first, (line, reason) = found(document(tmp_path, f"{text}\n{behind}", key))
        assert first[1]["a"] == 1
        assert (line, reason) == (2, "broken JSON: there is more behind the value")


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('{"info": \n1, runs: []}', 2, "broken JSON: Expecting value"),
        ('{"info"\n 1}', 2, "broken JSON: ':' was expected"),
        ('{"info": 1\n "runs": []}', 2, "broken JSON: ',' was expected"),
        ("{1: 2}", 1, "broken JSON: a name was expected"),
        (
            '{"info":\n"\\ud800", "runs": [{"a": 1}]}',
            2,
            "half a surrogate pair in a text in 'info'",
        ),
        ('{"info": NaN, "runs": [{"a": 1}]}', 1, "NaN is no JSON value"),
    ],
)
def test_a_broken_container_is_one_malformed_line(
    tmp_path: Path, text: str, line: int, reason: str
):
    ((at, told),) = found(document(tmp_path, text, "runs"))
    assert at == line
    assert told.startswith(reason)
    assert told.endswith("; the file cannot be read on from here")


def test_what_breaks_behind_the_records_does_not_cost_them(tmp_path: Path):
    *rows, (line, reason) = found(
        document(tmp_path, '{"v": 1, "runs": [{"a": 1}, {"a": 2}],\n "w": ', "runs")
    )
    assert rows == [(1, {"a": 1, CONTAINER: {"v": 1}}), (1, {"a": 2, CONTAINER: {"v": 1}})]
    assert line == 2
    assert reason.startswith("broken JSON: ")


@pytest.mark.parametrize(
    "broken",
    [
        '{"a": [}]}',
        '{"a": "}" "b": "]"}',
        '{"a": "\\"}", }',
        '{"a": }',
        '{"a": NaN, "b": [{}, "]"], }',
        "[" * 50_000 + "]" * 50_000,
    ],
)
def test_reading_goes_on_behind_a_broken_record_whose_end_can_be_told(tmp_path: Path, broken: str):
    text = f'[{{"a": 1}},\n{broken},\n{{"a": 2}}]'
    rows = found(document(tmp_path, text))
    assert rows[0] == (1, {"a": 1})
    assert isinstance(rows[1][1], str)
    assert rows[1][0] == 2
    if "}]}" not in broken:
        assert rows[2:] == [(3, {"a": 2})]


def test_size_and_hash_are_of_the_bytes_on_disk(tmp_path: Path):
    packed = gzip.compress(b'[{"a": 1}]')
    read = document(tmp_path, packed)
    assert found(read) == [(1, {"a": 1})]
    assert (read.lines, read.size) == (1, len(packed))
    assert read.sha256 == hashlib.sha256(packed).hexdigest()
    assert found(read) == [(1, {"a": 1})]
    assert read.lines == 1


def test_bytes_that_are_no_text_are_named_by_their_line(tmp_path: Path):
    ((line, reason),) = found(document(tmp_path, b'[{"a": 1},\n{"a": "\xff"}]'))
    assert (line, reason) == (2, "invalid UTF-8 at byte 19")


def test_a_document_too_large_for_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(json_document, "MAX_DOCUMENT_BYTES", 20)
    with pytest.raises(SourceError, match="convert it to JSONL"):
        list(document(tmp_path, '[{"a": "' + "x" * 30 + '"}]'))
    (row,) = document(tmp_path, '[{"a": 1}]')
    assert isinstance(row, RawRow)
