"""Both layouts of τ²-bench results, found and read once."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from cb_datasets.records import Scenario
from cb_datasets.sources.files.data_files import DataFile
from cb_datasets.sources.rows import CONTAINER, MalformedLine, RawRow, RowFile
from cb_datasets.sources.tau2 import SOURCE
from cb_datasets.sources.tau2.files import open_tau2_files


def rows(paths: Iterable[Path]) -> tuple[list[RawRow], list[MalformedLine], list[RowFile]]:
    found: list[RawRow] = []
    wrong: list[MalformedLine] = []
    files = []
    for file in open_tau2_files([DataFile(str(path)) for path in paths]):
        files.append(file)
        for raw in file:
            (found if isinstance(raw, RawRow) else wrong).append(raw)  # type: ignore[arg-type]
    return found, wrong, files


def scenarios(paths: Iterable[Path], **options: Any) -> list[Scenario]:
    read_row = SOURCE.reader(**options)
    return [s for raw in rows(paths)[0] for s in read_row(raw.row, raw.place)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "simulations").mkdir()
    index = []
    for name in ("b", "a"):
        simulation = {"id": name, "task_id": "0", "messages": []}
        (tmp_path / "simulations" / f"{name}.json").write_text(json.dumps(simulation))
        index.append({"id": name})
    head = {"info": {"seed": 1}, "tasks": [], "simulation_index": index}
    (tmp_path / "results.json").write_text(json.dumps(head))
    return tmp_path


def in_order(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.json"))


def test_both_layouts_give_the_same_scenarios(upstream: Path):
    single = scenarios([upstream / "tau2/airline_gpt-4o_json/results.json"])
    apart = scenarios(in_order(upstream / "tau2/airline_gpt-4o_dir"))
    by_id = {scenario["id"]: scenario for scenario in apart}
    assert len(by_id) == len(apart) == len(single) > 100
    for scenario in single:
        other = by_id[scenario["id"]]
        assert scenario["messages"] == other["messages"]
        assert scenario["recorded"] == other["recorded"]
        assert (scenario["expected"], scenario["group"], scenario["set_aside"]) == (
            *(other["expected"], other["group"], other["set_aside"]),
        )


@pytest.mark.parametrize("layout", ["json", "dir"])
def test_counts_of_the_real_runs(realdata: Path, layout: str):
    paths = in_order(realdata / f"tau2/airline_gpt-4o_{layout}")
    found, wrong, _ = rows(paths)
    assert (len(found), wrong) == (100, [])
    read = [s for raw in found for s in SOURCE.reader()(raw.row, raw.place)]
    assert len(read) == 1163
    assert sum(len(s["recorded"]["calls"]) for s in read if s["recorded"]) == 577
    reasons = Counter((s["set_aside"] or "fit").partition(":")[0] for s in read)
    assert reasons == {"not_rewarded": 669, "fit": 489, "call_failed": 5}
    fit = [s for s in read if s["set_aside"] is None]
    # All 49 rewarded runs ended normally.
    assert len({s["provenance"]["record_id"] for s in fit}) == 49
    assert len({s["group"] for s in read}) == 25
    kinds = Counter(s["expected"]["behavior"] for s in fit)
    assert kinds["call"] == 213
    assert kinds["answer"] + kinds["refusal"] == 276
    assert kinds["refusal"] >= 30
    assert all(s["messages"][0]["role"] == "system" for s in read)
    assert not any(
        m["role"] == "tool" and m["content"] == "true" for s in read for m in s["messages"]
    )
    assert {s["recorded"]["timestamp"] for s in read if s["recorded"]} == {None}


@pytest.mark.parametrize("layout", ["json", "dir"])
def test_every_call_is_of_a_tool_on_offer(upstream: Path, layout: str):
    paths = in_order(upstream / f"tau2/airline_gpt-4o_{layout}")
    for scenario in scenarios(paths, turns="decisive"):
        offered = {tool["function"]["name"] for tool in scenario["tools"]}
        assert scenario["recorded"] is not None
        calls = [*scenario["recorded"]["calls"], *scenario["recorded"]["later_calls"]]
        assert offered.issuperset(call["name"] for call in calls)


def test_tools_option_gives_all_runs_the_real_schemas(realdata: Path):
    tools = realdata / "tau2_tools/tau_bench_v1_airline_openai.json"
    head = realdata / "tau2/airline_gpt-4o_dir/results.json"
    read = scenarios([head], tools=tools, turns="first")
    assert all(scenario["tools"] == json.loads(tools.read_text()) for scenario in read)


def test_head_brings_its_simulations_once(folder: Path):
    for paths in ([folder / "results.json"], in_order(folder), in_order(folder)[::-1]):
        found, wrong, files = rows(paths)
        assert [raw.row["id"] for raw in found] == ["a", "b"]
        assert wrong == []
        assert [raw.row[CONTAINER]["info"] for raw in found] == [{"seed": 1}] * 2
        assert [(file.name, file.lines) for file in files] == [
            *(("results.json", 0), ("a.json", 1), ("b.json", 1)),
        ]
        for file in files:
            data = Path(file.path).read_bytes()
            assert (file.sha256, file.size) == (hashlib.sha256(data).hexdigest(), len(data))


def test_simulation_alone_finds_its_head(folder: Path, monkeypatch: pytest.MonkeyPatch):
    alone = folder / "simulations" / "b.json"
    found, wrong, files = rows([alone])
    assert [(raw.row["id"], raw.row[CONTAINER]["info"]) for raw in found] == [("b", {"seed": 1})]
    assert (wrong, [file.name for file in files]) == ([], ["results.json", "b.json"])
    monkeypatch.chdir(folder / "simulations")
    assert rows([Path("b.json")])[0][0].row[CONTAINER]["info"] == {"seed": 1}
    both = rows(in_order(folder / "simulations"))
    assert [file.name for file in both[2]] == ["results.json", "a.json", "b.json"]


def test_simulation_without_head_is_read_as_it_is(folder: Path):
    (folder / "results.json").unlink()
    found, wrong, files = rows(in_order(folder))
    assert [raw.row["id"] for raw in found] == ["a", "b"]
    assert (wrong, len(files)) == ([], 2)
    assert not any(CONTAINER in raw.row for raw in found)


def test_simulation_that_the_index_names_and_the_folder_lacks_is_named(folder: Path):
    (folder / "simulations" / "a.json").unlink()
    found, wrong, files = rows([folder / "results.json"])
    assert [raw.row["id"] for raw in found] == ["b"]
    assert [line.reason for line in wrong] == [
        "the index names the simulation 'a', which has no file"
    ]
    assert (wrong[0].file, files[0].lines) == ("results.json", 1)


def test_simulation_that_the_index_lacks_is_read(folder: Path, caplog: pytest.LogCaptureFixture):
    (folder / "simulations" / "c.json").write_text('{"id": "c"}')
    (folder / "simulations" / ".d.json").write_text('{"id": "d"}')
    (folder / "simulations" / "notes.txt").write_text("no simulation")
    assert [raw.row["id"] for raw in rows([folder / "results.json"])[0]] == ["a", "b", "c"]
    assert "the first is c" in caplog.text


def test_no_name_inside_a_file_is_opened(folder: Path):
    outside = folder.parent / "outside.json"
    outside.write_text('{"id": "outside"}')
    head = json.loads((folder / "results.json").read_text())
    head["simulation_index"] = [{"id": "../../outside"}, {"id": str(outside)}, {"id": None}, 3]
    head["simulations_dir"] = str(folder.parent)
    (folder / "results.json").write_text(json.dumps(head))
    found, wrong, files = rows([folder / "results.json"])
    assert [raw.row["id"] for raw in found] == ["a", "b"]
    assert len(wrong) == 3
    assert all("outside" not in file.name for file in files)


def test_results_with_simulations_are_no_head(tmp_path: Path):
    (tmp_path / "simulations").mkdir()
    (tmp_path / "simulations" / "b.json").write_text('{"id": "b"}')
    path = tmp_path / "results.json"
    path.write_text('{"info": {}, "simulations": [{"id": "a"}]}')
    assert [raw.row["id"] for raw in rows([path])[0]] == ["a"]
    path.write_text('[{"task_id": 0, "traj": []}]')
    assert [raw.row["task_id"] for raw in rows([path])[0]] == [0]
    path.write_text('{"info": {}, "simulations": []}')
    assert [raw.row["id"] for raw in rows([path])[0]] == ["b"]


def test_broken_head_is_named_and_its_simulations_are_read_without(folder: Path):
    (folder / "results.json").write_text('{"info": {"seed": 1}, "tasks": [')
    found, wrong, files = rows([folder / "results.json"])
    assert len(wrong) == files[0].lines == 1
    assert "broken JSON" in wrong[0].reason
    assert [raw.row[CONTAINER] for raw in found] == [{}, {}]


def test_broken_simulation_is_named_by_its_file(folder: Path):
    (folder / "simulations" / "a.json").write_text('{"id": ')
    found, wrong, files = rows([folder / "results.json"])
    assert [raw.row["id"] for raw in found] == ["b"]
    assert [(line.file, line.line) for line in wrong] == [("a.json", 1)]
    assert [file.lines for file in files] == [0, 1, 1]


def test_compressed_files_are_read_as_they_are(folder: Path):
    for path in in_order(folder):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    for paths in ([folder / "results.json.gz"], [folder / "simulations" / "a.json.gz"]):
        found, wrong, _ = rows(paths)
        assert (found[0].row["id"], wrong) == ("a", [])
        assert found[0].row[CONTAINER]["info"] == {"seed": 1}


def test_array_and_lines_of_the_first_version_are_read(tmp_path: Path):
    runs = [{"task_id": n, "traj": []} for n in range(2)]
    array, lines = tmp_path / "gpt-4o-retail.json", tmp_path / "runs.jsonl"
    array.write_text(json.dumps(runs, indent=2))
    lines.write_text("".join(json.dumps(run) + "\n" for run in runs))
    found, wrong, files = rows([array, lines])
    assert [raw.row["task_id"] for raw in found] == [0, 1, 0, 1]
    assert (wrong, [file.lines for file in files]) == ([], [2, 2])
