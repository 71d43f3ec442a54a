from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from cb_datasets.errors import SourceError
from cb_datasets.records import (
    Attack,
    CallPattern,
    Expected,
    RecordedCompletion,
    Scenario,
    ScenarioProvenance,
    ToolCall,
)
from cb_datasets.schema import record_features, without_nulls
from cb_datasets.sources import Source, find_source, list_sources, load_source, read_source
from cb_datasets.sources.row_identity import RowIdentities
from cb_datasets.sources.rows import RowPlace, SkipRow
from cb_datasets.sources.source import SOURCES


def scenario(place: RowPlace, **changes: Any) -> Scenario:
    made = Scenario(
        id=f"toy/{place.file}/{place.line}",
        source="toy",
        group="g",
        messages=[{"role": "user", "content": "123"}],
        tools=[],
        expected=Expected(
            behavior="call", calls=[CallPattern(name="f", arguments={"id": {"equals": "13"}})]
        ),
        provenance=ScenarioProvenance(source_dataset=place.file, record_id=str(place.line)),
    )
    return Scenario(**{**made, **changes})


def read_toy(row: dict[str, Any], place: RowPlace) -> Iterable[Scenario]:
    if "skip" in row:
        raise SkipRow("a header")
    if "bad" in row:
        raise ValueError("bad is no field")
    return [scenario(place, **row)]


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source("toy", "A toy", "none", "", make_reader=lambda: read_toy)
    monkeypatch.setitem(SOURCES.built_in, "toy", source)


def count_messages(row: dict[str, Any]) -> dict[str, Any]:
    return {"n": len(row["messages"])}


def rows(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{x if isinstance(x, str) else json.dumps(x)}\n" for x in lines))
    return path


def test_every_source_says_where_it_comes_from_and_how_it_is_read():
    for name in list_sources():
        source = find_source(name)
        assert source.title
        assert source.licence
        assert source.url
        assert (source.make_reader is None) != (source.built_in is None)


def test_unknown_source_is_an_error_that_names_the_known_ones():
    with pytest.raises(SourceError, match=r"'agentdoj', did you mean 'agentdojo'.*agentharm, demo"):
        load_source("agentdoj", "x")


def test_importing_and_listing_the_sources_loads_nothing_heavy():
    heavy = (
        "torch",
        "transformers",
        "datasets",
        "huggingface_hub",
        "cb_datasets.sources.demo.source",
    )
    code = (
        "import sys, cb_datasets.sources as s; [s.find_source(name) for name in s.list_sources()]; "
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "options", "sentence"),
    [
        (("agentdojo",), {}, "needs data_files"),
        (("demo", "a.jsonl"), {}, "takes no data_files"),
        (
            ("agentdojo", "a.jsonl"),
            {"colour": 1},
            "the source 'agentdojo' has no option 'colour' .known: config, ",
        ),
    ],
)
def test_wrong_use_is_one_sentence(arguments: tuple[str], options: dict[str, Any], sentence: str):
    with pytest.raises(SourceError, match=sentence):
        read_source(*arguments, **options)


@pytest.mark.usefixtures("toy")
def test_every_line_is_accounted_for(tmp_path: Path):
    a = rows(tmp_path / "a.jsonl", {"skip": 1}, {}, {"set_aside": "odd: It is."}, "", "{", {})
    b = rows(tmp_path / "b.jsonl", {}, {"bad": 1}, {"skip": 1})
    report = read_source("toy", [a, b]).report
    assert (report.lines, report.rows, report.scenarios) == (8, 4, 4)
    assert report.rows + report.skipped.total() + len(report.malformed) == report.lines
    assert report.to_dict()["skipped"] == {"a header": 2}
    assert report.to_dict()["set_aside"] == {"odd": 1}
    assert [(m.file, m.line, m.reason) for m in report.malformed] == [
        (
            "a.jsonl",
            5,
            "broken JSON: Expecting property name enclosed in double quotes at column 2",
        ),
        ("b.jsonl", 2, "bad is no field"),
    ]
    assert [(f.name, f.lines, f.bytes) for f in report.files] == [
        ("a.jsonl", 5, a.stat().st_size),
        ("b.jsonl", 3, b.stat().st_size),
    ]
    json.dumps(report.to_dict())


@pytest.mark.usefixtures("toy")
def test_malformed_lines_are_warned_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    file = rows(tmp_path / "a.jsonl", {}, {}, {}, "{", "[]")
    with caplog.at_level(logging.WARNING):
        assert load_source("toy", file).num_rows == 3
    (record,) = caplog.records
    assert "2 malformed lines of 5" in record.getMessage()
    assert "a.jsonl, line 4" in record.getMessage()


@pytest.mark.usefixtures("toy")
def test_more_than_half_malformed_stops_the_read(tmp_path: Path):
    half = rows(tmp_path / "half.jsonl", {}, "x")
    assert load_source("toy", half).num_rows == 1
    with pytest.raises(SourceError, match=r"half.jsonl, line 2: broken JSON.*1 of 2 lines"):
        load_source("toy", half, max_malformed=0.2)
    most = rows(tmp_path / "most.jsonl", "x", {}, "y")
    with pytest.raises(SourceError, match=r"most.jsonl, line 1: broken JSON.*2 of 3 lines"):
        load_source("toy", most)
    with pytest.raises(SourceError, match=r"line 1: broken JSON.*1000 of 1000"):
        load_source("toy", rows(tmp_path / "all.jsonl", *["x"] * 5000), max_malformed=1)


@pytest.mark.usefixtures("toy")
def test_file_without_rows_is_an_error(tmp_path: Path):
    with pytest.raises(SourceError, match=r"a.jsonl: the file holds no rows"):
        load_source("toy", rows(tmp_path / "a.jsonl", "", " "))


@pytest.mark.usefixtures("toy")
def test_file_of_skipped_rows_only_is_an_empty_dataset(tmp_path: Path):
    scenarios = load_source("toy", rows(tmp_path / "a.jsonl", {"skip": 1}))
    assert scenarios.num_rows == 0
    assert scenarios.features == record_features(Scenario)


@pytest.mark.usefixtures("toy")
def test_a_row_that_comes_twice_is_passed_over_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    file = rows(tmp_path / "a.jsonl", {"id": "x"}, {"id": "y"}, {"id": "x"})
    read = read_source("toy", file)
    assert read.scenarios["id"][:] == ["x", "y"]
    assert read.scenarios["group"][:] == ["g", "g"]
    report = read.report.to_dict()
    assert report["repeated"] == [{"file": "a.jsonl", "line": 3, "scenario_id": "x"}]
    assert (report["lines"], report["rows"], report["scenarios"]) == (3, 2, 2)
    with caplog.at_level(logging.WARNING):
        load_source("toy", file)
    assert "1 repeated rows of 3" in caplog.text


@pytest.mark.usefixtures("toy")
def test_rows_with_one_id_and_other_content_are_several_rows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    same_id = [{"id": "x", "group": f"g{number}"} for number in range(10)]
    file = rows(tmp_path / "a.jsonl", *same_id, same_id[4])
    read = read_source("toy", file)
    ids = read.scenarios["id"][:]
    assert read.scenarios["group"][:] == [f"g{number}" for number in range(10)]
    assert len(set(ids)) == 10
    assert ids[0] == "x"
    assert all(name.startswith("x~") for name in ids[1:])
    report = read.report.to_dict()
    assert (report["lines"], report["rows"], report["scenarios"]) == (11, 10, 10)
    assert [row["line"] for row in report["repeated"]] == [11]
    assert report["renamed"][0] == {
        "file": "a.jsonl",
        "line": 2,
        "came_as": "x",
        "scenario_id": ids[1],
    }
    with caplog.at_level(logging.WARNING):
        assert load_source("toy", file)["id"][:] == ids
    assert "9 rows of 11 have the id of another row" in caplog.text


def test_a_row_that_shares_an_id_keeps_its_turns_and_its_twin_together():
    def row(words: str, twin_words: str = "the same") -> list[Scenario]:
        place = RowPlace("a.jsonl", 1)
        twin = scenario(place, id="q", messages=[{"role": "user", "content": twin_words}])
        said = [{"role": "user", "content": words}]
        turns = [scenario(place, id=f"x#turn{n}", twin_id="q", messages=said) for n in (1, 3)]
        return [twin, *turns]

    known = RowIdentities()
    first = known.new(row("a"))
    assert [s["id"] for s in first or ()] == ["q", "x#turn1", "x#turn3"]
    second = known.new(row("b"))
    assert second is not None
    stems = {s["id"].partition("#")[0] for s in second}
    assert (len(second), len(stems), {s.get("twin_id") for s in second}) == (2, 1, {"q"})
    assert known.new(row("a")) is known.new(row("b")) is None
    third = known.new(row("c", "another"))
    assert third is not None
    assert {s.get("twin_id") for s in third[1:]} == {third[0]["id"]} != {"q"}


@pytest.mark.usefixtures("toy")
def test_one_git_lfs_pointer_among_files_is_set_aside_and_alone_it_stops_the_read(tmp_path: Path):
    pointer = tmp_path / "b.jsonl"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n")
    good = rows(tmp_path / "a.jsonl", {}, {})
    report = read_source("toy", [good, pointer]).report
    assert (report.lines, report.rows) == (3, 2)
    (named,) = report.malformed
    assert (named.file, named.line) == ("b.jsonl", 1)
    assert "git-lfs pointer" in named.reason
    with pytest.raises(SourceError, match=r"b.jsonl, line 1: a git-lfs pointer"):
        read_source("toy", pointer)


@pytest.mark.usefixtures("toy")
def test_unchanged_files_give_the_same_fingerprint_and_changed_ones_new_rows(tmp_path: Path):
    file = rows(tmp_path / "a.jsonl", {"group": "old"})
    first, again = load_source("toy", file), load_source("toy", file)
    assert first._fingerprint == again._fingerprint
    assert first.cache_files == again.cache_files != []
    mapped = first.map(count_messages)
    assert again.map(count_messages).cache_files == mapped.cache_files != []
    rows(file, {"group": "new"})
    changed = load_source("toy", file)
    assert changed["group"][:] == ["new"]
    assert changed._fingerprint != first._fingerprint
    assert first["group"][:] == ["old"]


def test_missing_structs_stay_none_and_values_survive_arrow_and_parquet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from datasets import Dataset

    place = RowPlace("a.jsonl", 1)
    arguments = {"a": "123", "b": None, "c": 0.1 + 0.2, "d": 1e-12, "e": 2**62, "f": [{}, "é</s>"]}
    bare = scenario(place)
    full = scenario(
        place,
        id="full",
        attack=Attack(
            category="c",
            template="t",
            location="user",
            injection="i",
            targets=[CallPattern(name="f", arguments={})],
        ),
        recorded=RecordedCompletion(
            content="", calls=[ToolCall(name="f", arguments=arguments)], later_calls=[]
        ),
    )
    source = Source("toy", "A toy", "none", "", built_in=lambda: [bare, full])
    monkeypatch.setitem(SOURCES.built_in, "toy", source)
    scenarios = load_source("toy")
    scenarios.to_parquet(tmp_path / "a.parquet")
    reloaded = Dataset.from_parquet(str(tmp_path / "a.parquet"), cache_dir=str(tmp_path))
    for dataset in (scenarios, reloaded):
        assert dataset[0]["attack"] is None
        assert dataset[0]["recorded"] is None
        data = ("messages", "tools", "arguments")
        # A list of records that is left out comes back empty, one of token ids as null.
        expected = Expected(**bare["expected"], task_calls=[])
        given = [{**row, "expected": expected} for row in (bare, full)]
        assert [without_nulls(row, keep_inside=data) for row in dataset] == given


def test_cache_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import datasets

    (tmp_path / "file").write_text("")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "file")
    source = Source("toy", "A toy", "none", "", built_in=list)
    monkeypatch.setitem(SOURCES.built_in, "toy", source)
    with pytest.raises(SourceError, match="the cache cannot be written"):
        load_source("toy")


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("option", ["revision", "token", "split", "config"])
def test_an_option_for_the_hub_is_refused_for_files_and_not_silently_ignored(
    tmp_path: Path, option: str
):
    file = rows(tmp_path / "a.jsonl", {})
    with pytest.raises(SourceError, match=rf"{option} is for a dataset on the Hub \(owner/name\)"):
        load_source("toy", file, **{option: "v1"})


@pytest.mark.usefixtures("toy")
def test_a_folder_that_is_here_is_no_repo_whatever_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "owner" / "name").mkdir(parents=True)
    rows(tmp_path / "owner" / "name" / "a.jsonl", {}, {})
    monkeypatch.chdir(tmp_path)
    assert load_source("toy", "owner/name").num_rows == 2


def test_a_row_that_the_reader_of_another_package_stumbles_over_costs_that_row_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def read_row(row: dict[str, Any], place: RowPlace) -> Iterable[Scenario]:
        return [scenario(place, id=row["name"])]

    source = Source("mine", "Mine", "none", "", make_reader=lambda: read_row)
    monkeypatch.setitem(SOURCES._of_this_process, "mine", source)
    report = read_source(
        "mine", rows(tmp_path / "a.jsonl", {"name": "x"}, {}, {"name": "y"})
    ).report
    assert report.scenarios == 2
    (malformed,) = report.malformed
    assert (malformed.line, malformed.reason) == (2, "it cannot be read (KeyError: 'name')")
    monkeypatch.setitem(SOURCES.built_in, "mine", source)
    with pytest.raises(KeyError):
        read_source("mine", tmp_path / "a.jsonl")
