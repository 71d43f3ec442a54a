"""A mapping: what it finds in a row, and how it says what is wrong with itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cb_datasets.errors import SourceError
from cb_datasets.records import CallPattern
from cb_datasets.sources.generic import SOURCE
from cb_datasets.sources.generic.mapping import DEFAULT_COLUMNS, MappingLike, read_mapping
from cb_datasets.sources.generic.row_values import RowValues
from cb_datasets.sources.rows import RowPlace


def values(row: dict[str, Any], mapping: MappingLike = None) -> RowValues:
    return RowValues(row, read_mapping(mapping))


def test_default_columns_are_those_of_openai_and_sharegpt_rows_and_of_agent_traces():
    columns = read_mapping(None)
    assert values({"messages": [1]}, columns).value("messages") == [1]
    assert values({"messages": None, "conversations": [2]}, columns).value("messages") == [2]
    assert values({"id": 7, "session_id": "s"}, columns).name("id") == "7"
    # The rows of a session are several.
    assert values({"session_id": "s"}, columns).name("id") is None
    trace = {"sent_at": "2026-01-01T00:00:00Z", "metadata": {"model": "m"}}
    assert values(trace, columns).text("model") == "m"
    assert values(trace, columns).time("timestamp") == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("meta.run", 7),
        ("meta.tags.1", "b"),
        ("text.run", 8),
        ("with.dot", 9),
        ("meta.none.deeper", None),
        ("meta.tags.9", None),
        ("gone", None),
        ("plain.deeper", None),
    ],
)
def test_paths_lead_into_objects_lists_and_json_text(path: str, value: Any):
    row = {
        "meta": {"run": 7, "tags": ["a", "b"], "none": None},
        "text": '{"run": 8}',
        "with.dot": 9,
        "plain": "no JSON",
    }
    assert values(row, {"id": path}).value("id") == value


def test_constant_is_the_same_for_every_row():
    columns = read_mapping({"model": {"value": "m-1"}, "attack": {"category": {"value": "x"}}})
    assert values({"model": "other"}, columns).value("model") == "m-1"
    assert values({}, columns).value("attack.category") == "x"


def test_null_takes_the_default_column_away():
    assert values({"id": "not this"}, {"id": None}).name("id") is None


def test_default_column_of_another_kind_is_passed_over_and_a_named_one_refused():
    row = {"model": {"name": "m"}, "temperature": "hot"}
    assert values(row).text("model") is None
    assert values(row).number("temperature") is None
    with pytest.raises(ValueError, match="model is dict, expected text"):
        values(row, {"model": "model"}).text("model")
    with pytest.raises(ValueError, match=r"model \(column 'temperature'\) is list, expected text"):
        values({"temperature": []}, {"model": "temperature"}).text("model")


def test_column_that_is_nearly_there_is_a_typo_and_no_benign_row():
    columns = read_mapping({"attack": {"injection": "injecton", "targets": "meta.target_tol"}})
    with pytest.raises(ValueError, match="no column 'injecton', did you mean 'injection'"):
        values({"injection": "x"}, columns).value("attack.injection")
    with pytest.raises(ValueError, match="no column 'target_tol', did you mean 'target_tool'"):
        values({"meta": {"target_tool": "x"}}, columns).value("attack.targets")
    assert values({"other": 1}, columns).value("attack.injection") is None


def test_column_beside_one_of_like_name_may_be_missing_where_that_has_its_own_use():
    columns = read_mapping({"attack": {"targets": "tool"}})
    assert values({"tools": []}, columns).value("attack.targets") is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        *((yes, True) for yes in (True, 1, 1.0, "success", " True ", "1.0", "PASSED")),
        *((no, False) for no in (False, 0, 0.5, 2, "failure", "no", "0", "maybe", float("nan"))),
        *((unknown, None) for unknown in (None, "", "  ")),
    ],
)
def test_accepted_is_a_clear_yes_or_else_not(given: Any, expected: bool | None):
    assert values({"reward": given}, {"accepted": "reward"}).flag("accepted") is expected


def test_accepted_that_is_no_flag_is_refused():
    with pytest.raises(ValueError, match=r"accepted \(column 'reward'\) is dict"):
        values({"reward": {"db": 1}}, {"accepted": "reward"}).flag("accepted")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("send", [CallPattern(name="send", arguments={})]),
        (
            ["send", "wire", None],
            [CallPattern(name="send", arguments={}), CallPattern(name="wire", arguments={})],
        ),
        ({"name": "send", "arguments": None}, [CallPattern(name="send", arguments={})]),
        (
            [{"name": "send", "arguments": '{"n": 1}'}],
            [CallPattern(name="send", arguments={"n": {"equals": 1}})],
        ),
        ('[{"function": {"name": "send"}}]', [CallPattern(name="send", arguments={})]),
        (
            [
                {
                    "name": "send",
                    "arguments": {"to": {"contains": "evil"}, "cc": None, "n": {"a": 1}},
                }
            ],
            [
                CallPattern(
                    name="send", arguments={"to": {"contains": "evil"}, "n": {"equals": {"a": 1}}}
                )
            ],
        ),
        (
            [{"name": "send", "arguments": {"to": {"equals": None, "contains": "evil"}}}],
            [CallPattern(name="send", arguments={"to": {"contains": "evil"}})],
        ),
        (None, []),
        ([], []),
        ("", []),
    ],
)
def test_targets_are_names_or_calls_with_conditions(given: Any, expected: list[CallPattern]):
    columns = read_mapping({"attack": {"targets": "wanted"}})
    assert values({"wanted": given}, columns).patterns("attack.targets") == expected


@pytest.mark.parametrize(
    "given",
    [
        7,
        [{"arguments": {}}],
        "[not json",
        [{"name": "send", "arguments": [1]}],
        [{"name": "send", "arguments": {"to": {"equals": "a", "contains": "b"}}}],
        [{"name": "send", "arguments": {"to": {"contains": 5}}}],
    ],
)
def test_targets_that_cannot_be_read_are_malformed(given: Any):
    columns = read_mapping({"attack": {"targets": "wanted"}})
    with pytest.raises(ValueError, match=r"attack\.targets"):
        values({"wanted": given}, columns).patterns("attack.targets")


def test_points_in_time_are_iso_8601():
    for given in (1_700_000_000, 1_700_000_000_000):
        assert values({"timestamp": given}).time("timestamp") == "2023-11-14T22:13:20+00:00"
    with pytest.raises(ValueError, match="expected a point in time"):
        values({"at": 1e300}, {"timestamp": "at"}).time("timestamp")


YAML = """
messages: log
attack:
  injection: injected
  category: {value: indirect}
"""


@pytest.mark.parametrize("name", ["map.yaml", "map.yml", "map.json", "map of mine"])
def test_mapping_is_read_from_json_and_yaml_files(tmp_path: Path, name: str):
    text = YAML
    if name.endswith(".json"):
        attack = {"injection": "injected", "category": {"value": "indirect"}}
        text = json.dumps({"messages": "log", "attack": attack})
    path = tmp_path / name
    path.write_text(text)
    for given in (path, str(path)):
        columns = read_mapping(given)
        assert values({"log": [1]}, columns).value("messages") == [1]
        assert values({"injected": "x"}, columns).value("attack.injection") == "x"
        assert values({}, columns).value("attack.category") == "indirect"


def test_a_reader_opens_the_file_once_and_the_next_one_what_it_is_then(tmp_path: Path):
    path = tmp_path / "map.json"
    path.write_text('{"id": "a"}')
    row = {"a": "first", "b": "second", "messages": [{"role": "user", "content": "Hi"}]}
    read_row = SOURCE.reader(mapping=path)
    path.write_text('{"id": "b"}')
    place = RowPlace("log.jsonl", 1)
    assert [s["id"] for s in read_row(row, place)] == ["generic/log/first"]
    assert [s["id"] for s in SOURCE.reader(mapping=path)(row, place)] == ["generic/log/second"]
    path.unlink()
    assert [s["id"] for s in read_row(row, place)] == ["generic/log/first"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"mesages": "log"}', "no key 'mesages', did you mean 'messages'"),
        ('{"attack": {"injecton": "x"}}', "no key 'attack.injecton', did you mean"),
        ('{"attack": "injected"}', "attack of the mapping is str, expected an object"),
        ('{"zzz": "log"}', "no key 'zzz' .known: messages,"),
        ('{"id": 7}', "id of the mapping is 7, expected the name of a column"),
        ('{"id": {"column": "x"}}', "id of the mapping is .*expected the name of a column"),
        ('{"id": " "}', "expected the name of a column"),
        ("[1]", "the mapping is list, expected an object"),
        ("{", "neither JSON nor YAML"),
    ],
)
def test_wrong_mapping_names_file_and_key(tmp_path: Path, text: str, sentence: str):
    for name in ("map.json", "map.yaml"):
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(SourceError, match=sentence) as caught:
            read_mapping(path)
        assert str(caught.value).startswith(str(path))


def test_missing_file_and_another_kind_of_thing_are_said_to_be_so(tmp_path: Path):
    with pytest.raises(SourceError, match="no such mapping file"):
        read_mapping(tmp_path / "none.yaml")
    with pytest.raises(SourceError, match="the mapping is int"):
        read_mapping(7)  # type: ignore[arg-type]
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError, match="neither JSON nor YAML"):
        read_mapping(tmp_path / "bytes.yaml")


def test_yaml_tags_make_no_objects(tmp_path: Path):
    path = tmp_path / "map.yaml"
    path.write_text("id: !!python/object/apply:os.getcwd []")
    with pytest.raises(SourceError, match="neither JSON nor YAML"):
        read_mapping(path)


def test_every_key_is_documented():
    from cb_datasets.sources.generic import mapping

    text = (Path(mapping.__file__)).read_text()
    described = text.split("The keys of a mapping", 1)[1].split("_SECTIONS", 1)[0]
    for key in DEFAULT_COLUMNS:
        assert f"`{key.partition('.')[0]}`" in described
