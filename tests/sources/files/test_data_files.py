from __future__ import annotations

import gzip
import hashlib
import io
import json
from pathlib import Path
from typing import ClassVar

import pytest

from cb_datasets.errors import SourceError
from cb_datasets.sources.files import jsonl
from cb_datasets.sources.files.data_files import DataFile, resolve_data_files
from cb_datasets.sources.files.jsonl import JsonlFile
from cb_datasets.sources.rows import MalformedLine, RawRow


def write(path: Path, data: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def names(data_files: object) -> list[str]:
    return [file.name for file in resolve_data_files(data_files)]  # type: ignore[arg-type]


def read(path: Path) -> list[RawRow | MalformedLine]:
    return list(JsonlFile(DataFile(str(path))))


def reasons(path: Path) -> list[str]:
    return [found.reason for found in read(path) if isinstance(found, MalformedLine)]


def test_folder_is_read_in_depth_in_sorted_order_without_hidden_and_other_files(tmp_path: Path):
    for name in (
        "b.jsonl",
        "a.jsonl.gz",
        "deep/c.ndjson",
        ".hidden.jsonl",
        ".git/x.jsonl",
        "n.txt",
    ):
        write(tmp_path / name, "{}")
    assert names(tmp_path) == ["a.jsonl", "b.jsonl", "c.ndjson"]


def test_glob_is_sorted_and_list_keeps_its_order(tmp_path: Path):
    for name in ("b.jsonl", "a.jsonl", "c.jsonl"):
        write(tmp_path / name, "{}")
    assert names(str(tmp_path / "*.jsonl")) == ["a.jsonl", "b.jsonl", "c.jsonl"]
    assert names([tmp_path / "c.jsonl", str(tmp_path / "[ab].jsonl")]) == [
        *("c.jsonl", "a.jsonl", "b.jsonl")
    ]


def test_file_named_twice_is_read_once(tmp_path: Path):
    file = write(tmp_path / "a.jsonl", "{}")
    assert names([file, tmp_path, str(tmp_path / "*")]) == ["a.jsonl"]


def test_names_with_spaces_and_brackets_are_taken_literally(tmp_path: Path):
    file = write(tmp_path / "runs [v1]" / "gpt 4o [a].jsonl", '{"a": 1}')
    assert names(file) == ["gpt 4o [a].jsonl"]
    assert [found.row for found in read(file) if isinstance(found, RawRow)] == [{"a": 1}]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("missing.jsonl", "there is no such file or folder"),
        ("*.jsonl", "no file matches this pattern"),
        ("empty", r"holds no \.jsonl.* file \(it is empty\)"),
        ("parquet", r"holds no \.jsonl.* file \(it holds 1 other file\)"),
    ],
)
def test_nothing_to_read_is_one_sentence_that_names_the_path(
    tmp_path: Path, given: str, sentence: str
):
    (tmp_path / "empty").mkdir()
    write(tmp_path / "parquet" / "a.parquet", "PAR1")
    with pytest.raises(SourceError, match=sentence) as caught:
        resolve_data_files(str(tmp_path / given))
    assert caught.value.file == str(tmp_path / given)


@pytest.mark.parametrize("given", [[], [3], [None]])
def test_data_files_that_are_no_paths_are_refused(given: list[object]):
    with pytest.raises(SourceError, match="data_files"):
        resolve_data_files(given)  # type: ignore[arg-type]


def test_hub_paths_are_expanded_and_read_through_the_hub_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Hub:
        content: ClassVar = {
            "datasets/o/n/b.jsonl": b'{"a": 1}\n',
            "datasets/o/n/a.jsonl": b"{}",
            "README": b"",
        }

        def isfile(self, path: str) -> bool:
            return path.removeprefix("hf://") in self.content

        def isdir(self, path: str) -> bool:
            return path == "hf://datasets/o/n"

        def find(self, path: str) -> list[str]:
            return list(self.content)

        def open(self, path: str, mode: str):
            return io.BytesIO(self.content[path.removeprefix("hf://")])

    monkeypatch.setattr("cb_datasets.sources.files.data_files._hub", Hub)
    folder = resolve_data_files("hf://datasets/o/n")
    assert [file.path for file in folder] == [
        *("hf://datasets/o/n/a.jsonl", "hf://datasets/o/n/b.jsonl")
    ]
    (row,) = JsonlFile(folder[1])
    assert isinstance(row, RawRow)
    assert row.row == {"a": 1}
    with pytest.raises(SourceError, match="no such file or folder on the Hub"):
        resolve_data_files("hf://datasets/o/other")


def test_gzip_is_told_by_content_and_hashed_as_it_lies_on_disk(tmp_path: Path):
    packed = gzip.compress(b'{"a": 1}\n\n{"a": 2}')
    for name in ("a.jsonl.gz", "b.jsonl"):
        file = JsonlFile(DataFile(str(write(tmp_path / name, packed))))
        found = [(row.place.line, row.row) for row in file if isinstance(row, RawRow)]
        assert found == [(1, {"a": 1}), (3, {"a": 2})]
        assert (file.lines, file.size) == (2, len(packed))
        assert file.sha256 == hashlib.sha256(packed).hexdigest()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"a": ', "broken JSON: Expecting value at column 6"),
        (b"[1, 2]", "not a JSON object but list"),
        (b"null", "not a JSON object but NoneType"),
        (b'{"a": "\x00"}', "NUL bytes"),
        (b'{"a": "\xff"}', "invalid UTF-8 at byte 8"),
        (b'{"\\ud83d": 1}', "half a surrogate pair in a text"),
        (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", "nested too deeply"),
        (b'{"a": NaN} 7', "broken JSON: Extra data at column 12"),
    ],
)
def test_malformed_line_is_passed_over_with_its_place_and_reason(
    tmp_path: Path, line: bytes, reason: str
):
    file = write(tmp_path / "a.jsonl", b'{"a": 1}\n' + line + b'\n{"a": "\\ud83d\\ude00"}\n')
    first, malformed, last = read(file)
    assert isinstance(first, RawRow)
    assert isinstance(last, RawRow)
    assert malformed == MalformedLine("a.jsonl", 2, reason)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('"\\udc00"', "half a surrogate pair in a text"),
        ('{"\\ud83d": 1}', "half a surrogate pair in a text"),
        ('"\\u0000"', "NUL character in a text"),
        ("NaN", "NaN is no JSON value"),
        ("[{}, [-Infinity]]", "infinity is no JSON value"),
        ("1e999", "infinity is no JSON value"),
        ("[1180591620717411303424]", "an integer of more than 64 bits"),
        ("-" + "9" * 5000, "an integer of more than 64 bits"),
        ("[" * 600 + "]" * 600, "nested too deeply"),
    ],
)
def test_a_value_that_cannot_be_stored_is_told_to_whoever_asks_for_it(
    tmp_path: Path, value: str, reason: str
):
    (found,) = read(write(tmp_path / "a.jsonl", f'{{"a": {value}, "b": "ü"}}'.encode()))
    assert isinstance(found, RawRow)
    assert dict(found.row) == {"b": "ü"}
    assert found.row.get("c") is None
    with pytest.raises(ValueError, match=f"^column 'a': {reason}$"):
        found.row.get("a")


def test_overlong_line_is_passed_over_without_being_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 2**20)
    long = json.dumps({"a": "x" * 3 * 2**20})
    file = write(tmp_path / "a.jsonl", f'{{"a": 1}}\n{long}\n{{"a": 2}}\n{long}')
    assert reasons(file) == ["longer than 1 MiB", "longer than 1 MiB"]
    assert [found.row for found in read(file) if isinstance(found, RawRow)] == [{"a": 1}, {"a": 2}]


def test_byte_order_mark_and_windows_line_ends_are_no_fault(tmp_path: Path):
    file = write(tmp_path / "a.jsonl", b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"a": 2}\r\n')
    assert [found.row for found in read(file) if isinstance(found, RawRow)] == [{"a": 1}, {"a": 2}]


def test_a_download_is_known_by_the_path_that_it_was_asked_for_under(tmp_path: Path):
    write(tmp_path / "blob", '{"a": 1}\n[]')
    file = JsonlFile(DataFile("o/n@c0ffee/data/log.jsonl.gz", str(tmp_path / "blob")))
    row, wrong = file
    assert isinstance(row, RawRow)
    assert (row.row, row.place.file) == ({"a": 1}, "log.jsonl")
    assert wrong == MalformedLine("log.jsonl", 2, "not a JSON object but list")
    with pytest.raises(SourceError, match=r"^o/n@c0ffee/x: cannot be opened \(No such file"):
        DataFile("o/n@c0ffee/x", str(tmp_path / "gone")).open()


def test_a_file_of_a_byte_order_mark_holds_no_rows(tmp_path: Path):
    assert read(write(tmp_path / "a.jsonl", b"\xef\xbb\xbf\r\n")) == []


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"ARROW1\x15\x04", "an Arrow file"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (gzip.compress(b"BZh91AY", mtime=0), "a bzip2 file"),
    ],
)
def test_other_formats_are_named(tmp_path: Path, data: bytes, kind: str):
    file = write(tmp_path / "a.jsonl", data)
    with pytest.raises(SourceError, match=f"a.jsonl: this is {kind}.*expected JSONL"):
        read(file)


def test_truncated_gzip_is_an_error_that_names_file_and_line(tmp_path: Path):
    lines = b"".join(b'{"a": "%d"}\n' % n for n in range(10_000))
    file = write(tmp_path / "a.jsonl.gz", gzip.compress(lines)[:-4000])
    with pytest.raises(SourceError, match="cannot be read on") as caught:
        read(file)
    assert caught.value.line
    assert caught.value.file == str(file)
