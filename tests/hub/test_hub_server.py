"""The Hub for tests, asked by the real clients."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.hub_server import HubServer

CARD = b"""---
configs:
- config_name: ds
  data_files: [{split: train, path: ds/train.parquet}]
- config_name: dr
  data_files: [{split: train, path: dr/train.parquet}]
---
# Rows
"""


def parquet(*ids: int) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet as pq

    file = io.BytesIO()
    pq.write_table(pa.table({"id": list(ids)}), file)
    return file.getvalue()


def files(ds: list[int], dr: list[int]) -> dict[str, bytes]:
    return {
        "README.md": CARD,
        "ds/train.parquet": parquet(*ds),
        "dr/train.parquet": parquet(*dr),
    }


def rows(*arguments: Any, **options: Any) -> list[int]:
    from datasets import load_dataset

    return list(load_dataset("org/rows", *arguments, split="train", **options)["id"])


def test_what_the_client_pushes_lies_on_disk_byte_for_byte(hub: HubServer) -> None:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    api = HfApi(token=hub.token)
    assert api.whoami()["name"] == "owner"
    url = api.create_repo("org/rows", repo_type="dataset", private=True)
    assert str(url) == f"{hub.endpoint}/datasets/org/rows"
    large = bytes(range(256)) * 5_000
    add = [CommitOperationAdd("a/small.txt", b"small"), CommitOperationAdd("large.parquet", large)]
    first = api.create_commit("org/rows", add, commit_message="Two files", repo_type="dataset")
    api.create_commit(
        "org/rows",
        [CommitOperationDelete("a/small.txt")],
        commit_message="One less",
        repo_type="dataset",
        parent_commit=first.oid,
    )
    assert hub.content("org/rows", "a/small.txt", first.oid) == b"small"
    assert hub.content("org/rows", "large.parquet") == large
    assert set(api.list_repo_files("org/rows", repo_type="dataset")) == {
        ".gitattributes",
        "large.parquet",
    }
    # Only the large file went through LFS.
    (put,) = hub.asked_for("^PUT")
    assert put.path.endswith(hashlib.sha256(large).hexdigest())
    titles = [c.title for c in api.list_repo_commits("org/rows", repo_type="dataset")]
    assert titles == ["One less", "Two files", "initial commit"]
    info = api.dataset_info("org/rows", files_metadata=True)
    assert info.private
    assert {s.rfilename: s.size for s in info.siblings or []}["large.parquet"] == len(large)


def test_a_folder_uploaded_twice_is_one_commit(hub: HubServer, tmp_path: Path) -> None:
    from huggingface_hub import HfApi

    for name, content in files([1], [2]).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    api = HfApi(token=hub.token)
    api.create_repo("org/rows", repo_type="dataset")
    uploads = [
        api.upload_folder(repo_id="org/rows", folder_path=tmp_path, repo_type="dataset").oid
        for _ in range(2)
    ]
    assert uploads[0] == uploads[1]
    assert rows("ds") == [1]


def test_a_commit_on_top_of_another_state_is_refused(hub: HubServer) -> None:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi(token=hub.token)
    old = hub.add_dataset("org/rows", {"a.txt": b"1"})
    one = {"path_or_fileobj": b"2", "path_in_repo": "a.txt", "repo_id": "org/rows"}
    api.upload_file(**one, repo_type="dataset", parent_commit=old)
    one["path_or_fileobj"] = b"3"
    with pytest.raises(HfHubHTTPError, match="412"):
        api.upload_file(**one, repo_type="dataset", parent_commit=old)
    assert hub.content("org/rows", "a.txt") == b"2"


def test_each_tag_loads_its_own_rows_by_config(hub: HubServer) -> None:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi(token=hub.token)
    first = hub.add_dataset("org/rows", files([1, 2], [3]))
    api.create_tag("org/rows", tag="v1.0.0", revision=first, repo_type="dataset")
    api.upload_file(
        path_or_fileobj=parquet(7),
        path_in_repo="ds/train.parquet",
        repo_id="org/rows",
        repo_type="dataset",
    )
    api.create_tag("org/rows", tag="v2.0.0", repo_type="dataset")
    assert rows("ds", revision="v1.0.0") == [1, 2]
    assert rows("ds", revision="v2.0.0") == rows("ds") == [7]
    assert rows("dr", revision=first) == rows("dr") == [3]
    assert [r["id"] for r in streamed("ds", "v1.0.0")] == [1, 2]
    refs = api.list_repo_refs("org/rows", repo_type="dataset")
    assert {t.name: t.target_commit for t in refs.tags}["v1.0.0"] == first
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_tag("org/rows", tag="v1.0.0", repo_type="dataset")


def streamed(config: str, revision: str) -> list[dict[str, int]]:
    from datasets import load_dataset

    stream = load_dataset("org/rows", config, revision=revision, split="train", streaming=True)
    return list(stream)


def test_push_to_hub_and_a_branch(hub: HubServer) -> None:
    from datasets import Dataset
    from huggingface_hub import HfApi

    Dataset.from_dict({"id": [4, 5]}).push_to_hub("org/rows", "ds", token=hub.token)
    api = HfApi(token=hub.token)
    api.create_branch("org/rows", branch="next/one", repo_type="dataset")
    assert rows("ds", revision="next/one") == rows("ds") == [4, 5]
    api.delete_branch("org/rows", branch="next/one", repo_type="dataset")
    assert list(hub.dataset("org/rows").refs("branches")) == ["main"]


@pytest.mark.parametrize(
    ("token", "code"), [(None, 401), ("other", 403)], ids=["logged out", "not on the list"]
)
def test_a_gated_dataset_shows_its_files_names_but_not_their_content(
    hub: HubServer, token: str | None, code: int
) -> None:
    from datasets.exceptions import DatasetNotFoundError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError

    hub.add_dataset("org/rows", files([1], [2]), gated=True)
    token = hub.other_token if token else None
    api = HfApi(token=token or False)
    assert api.dataset_info("org/rows").gated == "manual"
    with pytest.raises(GatedRepoError) as refused:
        api.hf_hub_download("org/rows", "README.md", repo_type="dataset")
    assert refused.value.response.status_code == code
    with pytest.raises(DatasetNotFoundError, match="is a gated dataset on the Hub"):
        rows("ds", token=token)
    hub.grant("org/rows")
    assert rows("ds", token=hub.other_token) == rows("ds", token=hub.token) == [1]


def test_the_owner_gates_hides_and_deletes_a_dataset(hub: HubServer) -> None:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    hub.add_dataset("org/rows", files([1], [2]))
    owner, stranger = HfApi(token=hub.token), HfApi(token=hub.other_token)
    owner.update_repo_settings("org/rows", repo_type="dataset", gated="auto")
    assert stranger.dataset_info("org/rows").gated == "auto"
    owner.update_repo_settings("org/rows", repo_type="dataset", private=True)
    with pytest.raises(RepositoryNotFoundError):
        stranger.dataset_info("org/rows")
    owner.delete_repo("org/rows", repo_type="dataset")
    assert not owner.repo_exists("org/rows", repo_type="dataset")


def test_nobody_but_the_owner_writes(hub: HubServer) -> None:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    hub.add_dataset("org/rows", {"a.txt": b"1"})
    for token, status in (("hf_wrong", 401), (hub.other_token, 403), (False, 401)):
        api = HfApi(token=token)
        with pytest.raises(HfHubHTTPError) as refused:
            api.create_repo("org/new", repo_type="dataset")
        assert refused.value.response.status_code == status
        with pytest.raises(HfHubHTTPError) as refused:
            api.create_tag("org/rows", tag="v1", repo_type="dataset")
        assert refused.value.response.status_code == status
    assert not hub.dataset("org/new").exists
    assert not hub.dataset("org/rows").refs("tags")


def test_a_wrong_token_is_refused_even_for_what_is_public(hub: HubServer) -> None:
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    hub.add_dataset("org/rows", files([1], [2]))
    with pytest.raises(HfHubHTTPError, match="Invalid credentials") as refused:
        rows("ds", token="hf_wrong")
    assert not isinstance(refused.value, RepositoryNotFoundError)
    assert {a.status for a in hub.asked} == {401}


def test_missing_repositories_revisions_and_files_are_told_apart(hub: HubServer) -> None:
    from datasets.exceptions import DatasetNotFoundError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        RemoteEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    api = HfApi(token=hub.token)
    with pytest.raises(DatasetNotFoundError, match="doesn't exist on the Hub"):
        rows("ds")
    hub.add_dataset("org/rows", files([1], [2]))
    with pytest.raises(DatasetNotFoundError, match="Revision 'v9' doesn't exist"):
        rows("ds", revision="v9")
    with pytest.raises(RepositoryNotFoundError):
        api.dataset_info("org/other")
    with pytest.raises(RevisionNotFoundError):
        api.hf_hub_download("org/rows", "README.md", repo_type="dataset", revision="v9")
    with pytest.raises(RemoteEntryNotFoundError):
        api.hf_hub_download("org/rows", "absent.txt", repo_type="dataset")
    with pytest.raises(RemoteEntryNotFoundError):
        list(api.list_repo_tree("org/rows", "absent", repo_type="dataset"))
    found = api.get_paths_info("org/rows", ["ds", "absent", "README.md"], repo_type="dataset")
    assert [f.path for f in found] == ["ds", "README.md"]


@pytest.mark.parametrize("status", [None, 503, 418])
def test_the_request_it_was_told_to_fail_fails_and_the_next_does_not(
    hub: HubServer, status: int | None
) -> None:
    from huggingface_hub import HfApi

    hub.add_dataset("org/rows", {"a.txt": b"1"})
    api = HfApi(token=hub.token)
    hub.fail(at=2, status=status)
    api.dataset_info("org/rows")
    with pytest.raises(OSError if status else Exception, match=str(status or "disconnected")):
        api.dataset_info("org/rows")
    api.dataset_info("org/rows")
    assert [a.status for a in hub.asked] == [200, status or 0, 200]


def test_an_answer_can_get_lost_after_the_work_was_done(hub: HubServer) -> None:
    from huggingface_hub import HfApi

    hub.add_dataset("org/rows", {"a.txt": b"1"})
    api = HfApi(token=hub.token)
    for lose in ("request", "response"):
        hub.fail(times=None, lose=lose)
        with pytest.raises(Exception, match="disconnected"):
            api.create_tag("org/rows", tag=lose, repo_type="dataset")
    hub.heal()
    assert list(hub.dataset("org/rows").refs("tags")) == ["response"]


def test_retries_are_made_without_waiting(hub: HubServer) -> None:
    hub.add_dataset("org/rows", files([1], [2]))
    hub.fail(times=3, status=503)
    assert rows("ds") == [1]
    assert [a.status for a in hub.asked].count(503) == 3


def test_the_hub_is_a_file_system(hub: HubServer) -> None:
    import fsspec
    from huggingface_hub import HfFileSystem

    content = files([1], [2])
    hub.add_dataset("org/rows", content)
    system = HfFileSystem()
    there = sorted(system.find("datasets/org/rows"))
    assert there == sorted(f"datasets/org/rows/{name}" for name in content)
    part = system.cat_file("datasets/org/rows/ds/train.parquet", start=4, end=20)
    assert part == content["ds/train.parquet"][4:20]
    with fsspec.open("hf://datasets/org/rows/README.md", "rb") as file:
        assert file.read() == CARD
    with pytest.raises(FileNotFoundError):
        system.info("datasets/org/rows/absent")


def test_models_are_served_too(hub: HubServer) -> None:
    from huggingface_hub import snapshot_download

    sha = hub.add_repo("model", "org/m", {"config.json": b"{}", "model.safetensors": b"0" * 99})
    folder = Path(snapshot_download("org/m"))
    assert folder.name == sha
    assert (folder / "model.safetensors").read_bytes() == b"0" * 99


def test_a_process_of_its_own_has_it_as_its_hub(hub_elsewhere: HubServer, tmp_path: Path) -> None:
    hub_elsewhere.add_dataset("org/rows", files([1], [2]), private=True)
    code = """
import json, socket
from datasets import load_dataset
from huggingface_hub import constants
rows = load_dataset("org/rows", "dr", split="train")
try:
    socket.create_connection(("example.invalid", 80))
except OSError as error:
    said = str(error)
print(json.dumps([list(rows["id"]), constants.ENDPOINT, said]))
"""
    done = hub_elsewhere.run(code, token=hub_elsewhere.token)
    ids, endpoint, said = json.loads(done.stdout.splitlines()[-1])
    assert (ids, endpoint) == ([2], hub_elsewhere.endpoint)
    assert "not on this machine" in said
    nothing_cached = {"HF_HOME": str(tmp_path)}
    assert hub_elsewhere.run(code, check=False, environment=nothing_cached).returncode != 0


def test_a_hub_that_stopped_is_unreachable_and_offline_asks_nothing(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.hub_server.clients import go_offline

    hub.add_dataset("org/rows", files([1], [2]))
    hub.stop()
    with pytest.raises(ConnectionError, match="Couldn't reach 'org/rows' on the Hub"):
        rows("ds")
    go_offline(monkeypatch)
    with pytest.raises(ConnectionError, match="OfflineModeIsEnabled"):
        rows("ds")


def test_a_client_that_is_refused_serves_what_it_cached_whatever_the_revision(
    hub: HubServer,
) -> None:
    hub.add_dataset("org/rows", files([1], [2]), gated=True)
    assert rows("ds", token=hub.token) == [1]
    assert rows("ds", token="hf_wrong") == rows("ds", token=hub.other_token) == [1]
    hub.fail(times=None, status=503)
    assert rows("ds", revision="v9") == [1]
