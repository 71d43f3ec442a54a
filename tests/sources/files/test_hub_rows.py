"""Sources read from the Hub by the real clients: which rows, of which commit, under which name."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import cb_datasets as cb
from cb_datasets.errors import SourceError
from cb_datasets.sources import read_source
from tests.sources.files.hub_repos import (
    AGENTHARM,
    B4_FILE,
    FUJITSU,
    LOGS,
    agentharm_files,
    b4_row,
    fujitsu_files,
    jsonl,
    log_row,
    logs_card,
)

if TYPE_CHECKING:
    from tests.hub_server import HubServer

DONE = {"mapping": {"accepted": "done"}}


def kinds(scenarios: Any) -> Counter[str]:
    return Counter(name.split("/")[1] for name in scenarios["id"])


def replace_file(hub: HubServer, repo: str, path: str, content: bytes) -> None:
    from huggingface_hub import HfApi

    HfApi(token=hub.token).upload_file(
        path_or_fileobj=content, path_in_repo=path, repo_id=repo, repo_type="dataset"
    )


def arguments(scenarios: Any) -> list[Any]:
    return [row["recorded"]["calls"][0]["arguments"] for row in scenarios]


def test_only_the_config_of_the_source_is_read_of_a_repo_with_several(hub: HubServer):
    content = fujitsu_files([b4_row(1), b4_row(2)])
    hub.add_dataset(FUJITSU, content)
    scenarios = cb.load_source("fujitsu_b4", FUJITSU)
    assert Counter(row["attack"] is not None for row in scenarios) == {True: 2, False: 2}
    names = {row["provenance"]["source_dataset"] for row in scenarios}
    assert names == {B4_FILE}
    asked = {a.path.rpartition("/")[2] for a in hub.asked_for(r"GET .*/resolve/")}
    assert not any(name.startswith(("rag_", "safety_")) for name in asked)


@pytest.mark.parametrize("source", ["fujitsu_b1", "fujitsu_b3", "fujitsu_b4"])
def test_every_config_of_the_benchmark_reads_as_its_downloaded_file_does(
    hub: HubServer, tmp_path: Path, source: str
):
    content = fujitsu_files([b4_row(n) for n in range(5)])
    hub.add_dataset(FUJITSU, content)
    folder = tmp_path / "downloaded"
    folder.mkdir()
    for path, data in content.items():
        if path.startswith(source.removeprefix("fujitsu_").upper()):
            (folder / path.rpartition("/")[2]).write_bytes(data)
    assert cb.load_source(source, FUJITSU).to_list() == cb.load_source(source, folder).to_list()


def test_agentharm_has_a_config_per_kind_and_every_behaviour_of_every_split(hub: HubServer):
    hub.add_dataset(AGENTHARM, agentharm_files())
    read = read_source("agentharm", AGENTHARM)
    assert kinds(read.scenarios) == {"harmful": 4, "benign": 4, "chat": 3}
    ids = set(read.scenarios["id"])
    harmful = [row for row in read.scenarios if row["id"].startswith("agentharm/harmful")]
    assert {row["twin_id"] for row in harmful} <= ids
    assert [(file.name, file.lines) for file in read.report.files] == [
        ("chat_public_test.json", 2),
        ("chat_validation.json", 1),
        ("harmful_behaviors_test_public.json", 3),
        ("harmful_behaviors_validation.json", 1),
        ("benign_behaviors_test_public.json", 3),
        ("benign_behaviors_validation.json", 1),
    ]
    assert read.report.to_dict()["set_aside"] == {}
    assert "a-canary" not in json.dumps(read.scenarios.to_list())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"config": "harmful"}, {"harmful": 4}),
        ({"config": "harmless_benign", "split": "validation"}, {"benign": 1}),
        ({"config": "chat", "split": "test_public"}, {"chat": 2}),
        ({"split": "validation"}, {"harmful": 1, "benign": 1, "chat": 1}),
    ],
)
def test_config_and_split_choose_what_is_read(
    hub: HubServer, options: dict[str, str], expected: dict[str, int]
):
    hub.add_dataset(AGENTHARM, agentharm_files())
    assert kinds(cb.load_source("agentharm", AGENTHARM, **options)) == expected


def test_an_original_id_stays_the_text_that_it_is(hub: HubServer):
    hub.add_dataset(AGENTHARM, agentharm_files())
    scenarios = cb.load_source("agentharm", AGENTHARM, config="chat", split="validation")
    assert scenarios["group"][:] == ["agentharm/07"]


def test_a_tag_gives_its_own_rows_and_the_report_names_the_commit(hub: HubServer):
    from huggingface_hub import HfApi

    first = hub.add_dataset(FUJITSU, fujitsu_files([b4_row(1)]))
    HfApi(token=hub.token).create_tag(FUJITSU, tag="v1.0", repo_type="dataset")
    newer = jsonl([b4_row(1), b4_row(2), b4_row(3)])
    replace_file(hub, FUJITSU, f"B4/{B4_FILE}", newer)
    old = read_source("fujitsu_b4", FUJITSU, revision="v1.0").report
    new = read_source("fujitsu_b4", FUJITSU).report
    assert (old.lines, new.lines) == (1, 3)
    (old_file,), (new_file,) = old.files, new.files
    assert old_file.commit == first
    head = hub.dataset(FUJITSU).resolve("main")
    assert head is not None
    assert new_file.commit == head.oid != first
    assert new_file.sha256 == hashlib.sha256(newer).hexdigest()
    assert new_file.bytes == len(newer)
    assert read_source("fujitsu_b4", FUJITSU, revision=first).report.lines == 1


def test_a_local_file_has_no_commit(tmp_path: Path):
    (tmp_path / "b4.jsonl").write_bytes(jsonl([b4_row(1)]))
    (file,) = read_source("fujitsu_b4", tmp_path).report.files
    assert file.commit is None


@pytest.mark.parametrize("access", ["private", "gated"])
def test_a_token_opens_what_is_private_or_gated(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch, access: str
):
    hub.add_dataset(FUJITSU, fujitsu_files([b4_row(1)]), **{access: True})  # type: ignore[arg-type]
    assert cb.load_source("fujitsu_b4", FUJITSU, token=hub.token).num_rows == 2
    assert {a.token for a in hub.asked_for(B4_FILE)} == {hub.token}
    with pytest.raises(SourceError):
        cb.load_source("fujitsu_b4", FUJITSU)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert cb.load_source("fujitsu_b4", FUJITSU).num_rows == 2


def test_anyones_logs_need_the_config_only_where_there_are_several(hub: HubServer):
    rows = jsonl([log_row("a", seats=2), log_row("b", seats=4)])
    hub.add_dataset(
        LOGS,
        {
            "README.md": logs_card("red", "blue"),
            "red/x.jsonl": rows,
            "blue/y.jsonl": jsonl([log_row("c")]),
        },
    )
    with pytest.raises(SourceError, match=r"give the config to read \(known: blue, red\)"):
        cb.load_source("generic", LOGS, **DONE)
    scenarios = cb.load_source("generic", LOGS, config="red", **DONE)
    assert scenarios["id"][:] == ["generic/x/a", "generic/x/b"]
    hub.add_dataset("org/single", {"y.jsonl": jsonl([log_row("c")])})
    assert cb.load_source("generic", "org/single", **DONE)["id"][:] == ["generic/y/c"]


def test_texts_that_look_like_times_and_numbers_stay_to_the_last_character(hub: HubServer):
    told = [
        {"when": "2024-05-20", "share": 0.1 + 0.2, "seats": 2**53 + 1},
        {"when": "2024-05-21 10:00:00", "note": None, "code": "007"},
        {"seats": 1.0, "times": ["2024-05-20T10:00:00Z"], "more": {}},
    ]
    rows = [log_row(str(n), **each) for n, each in enumerate(told)]
    hub.add_dataset(LOGS, {"x.jsonl": jsonl(rows)})
    scenarios = cb.load_source("generic", LOGS, **DONE)
    assert list(map(json.dumps, arguments(scenarios))) == list(map(json.dumps, told))


def test_a_broken_line_on_the_hub_costs_no_other(hub: HubServer):
    rows = jsonl([log_row("a")]) + b'{"id": "b", "mess\n' + jsonl([log_row("c")])
    hub.add_dataset(LOGS, {"x.jsonl.gz": gzip.compress(rows)})
    report = read_source("generic", LOGS, **DONE).report
    assert (report.lines, report.rows) == (3, 2)
    (broken,) = report.malformed
    assert (broken.file, broken.line) == ("x.jsonl", 2)
    (file,) = report.files
    assert file.name == "x.jsonl"


def parquet(rows: list[dict[str, Any]]) -> bytes:
    from datasets import Dataset

    file = io.BytesIO()
    Dataset.from_list(rows).to_parquet(file)
    return file.getvalue()


def test_parquet_shards_are_read_one_by_one_under_their_own_names(hub: HubServer):
    shards = {
        f"data/train-0000{n}-of-00002.parquet": parquet([log_row(f"r{n}", seats=n)])
        for n in range(2)
    }
    hub.add_dataset(LOGS, shards)
    scenarios = cb.load_source("generic", LOGS, **DONE)
    assert [row["provenance"]["source_dataset"] for row in scenarios] == [
        *("train-00000-of-00002.parquet", "train-00001-of-00002.parquet")
    ]
    assert arguments(scenarios) == [{"seats": 0}, {"seats": 1}]


def test_what_a_dataset_pushed_by_its_own_client_holds_comes_back(hub: HubServer):
    from datasets import Dataset

    rows = [log_row("a", day="2024-05-20"), log_row("b", seats=2)]
    Dataset.from_list(rows).push_to_hub(LOGS, split="test", token=hub.token)
    scenarios = cb.load_source("generic", LOGS, **DONE)
    assert arguments(scenarios) == [{"day": "2024-05-20"}, {"seats": 2}]


def test_a_format_that_only_datasets_reads_is_read_by_it_at_that_commit(hub: HubServer):
    def table(*names: str) -> bytes:
        lines = ["id,conversation"]
        for name in names:
            said = json.dumps(log_row(name, seats=1)["messages"]).replace('"', '""')
            lines.append(f'{name},"{said}"')
        return "\n".join(lines).encode()

    first = hub.add_dataset(LOGS, {"log.csv": table("a")})
    mapping = {"mapping": {"messages": "conversation"}}
    assert cb.load_source("generic", LOGS, **mapping)["id"][:] == ["generic/log.csv/a"]
    replace_file(hub, LOGS, "log.csv", table("b", "c"))
    report = read_source("generic", LOGS, **mapping).report
    assert (report.lines, report.rows) == (2, 2)
    old = read_source("generic", LOGS, revision=first, **mapping)
    assert old.scenarios.num_rows == 1
    assert old.report.files[0].commit == first
