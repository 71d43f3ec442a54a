"""Versions read back: the rows that were pushed, or one sentence that says why not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from datasets import load_dataset
from huggingface_hub import HfApi

import cb_datasets as cb
from cb_datasets.dataset import read_folder
from cb_datasets.dataset.manifest import file_facts, read_manifest, write_manifest
from cb_datasets.errors import CBDatasetsError

if TYPE_CHECKING:
    from tests.hub_server import HubServer

REPO = "org/rows"
DS = "ds/train-00000-of-00001.parquet"


@pytest.fixture
def two_versions(
    hub: HubServer, small: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> HubServer:
    monkeypatch.setenv("HF_TOKEN", hub.token)
    for folder, version in zip(small, ("1.0.0", "1.0.1"), strict=True):
        cb.push_to_hub(folder, REPO, version, force_reason="a small one for tests")
    return hub


def said(*arguments: Any, **options: Any) -> str:
    with pytest.raises(CBDatasetsError) as error:
        cb.load_sets(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("streaming", [False, True])
def test_each_version_gives_the_rows_that_were_pushed(
    two_versions: HubServer, small: tuple[Path, Path], streaming: bool
) -> None:
    for folder, version in zip(small, ("1.0.0", "1.0.1"), strict=True):
        sets = cb.load_sets(REPO, version, streaming=streaming)
        built = read_folder(folder)
        for config, table in built.items():
            assert list(getattr(sets, config)) == list(table), config
        assert sets.facts["version"] == version
        assert sets.facts["rows"]["ds"] == len(built["ds"])
    newest = cb.load_sets(REPO)
    assert newest.facts["version"] == "1.0.1"
    assert newest.stats()["ds"]["rows"] == len(newest.ds)


def test_configs_that_are_not_wanted_are_not_downloaded(
    two_versions: HubServer, small: tuple[Path, Path]
) -> None:
    sets = cb.load_sets(REPO, "1.0.0", configs=["dr"])
    assert (len(sets.ds), len(sets.dr)) == (0, len(read_folder(small[0])["dr"]))
    assert not two_versions.asked_for(r"^GET .*/resolve/.*\.parquet$.*ds/train")
    assert not [a for a in two_versions.asked if "/resolve/" in a.path and "/ds/" in a.path]


def test_offline_gives_the_version_asked_for_or_none(
    two_versions: HubServer, small: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.hub_server.clients import go_offline

    cb.load_sets(REPO, "1.0.0")
    load_dataset(REPO, "ds", revision="v1.0.0")
    go_offline(monkeypatch)
    # What is guarded against: any revision will do.
    assert len(load_dataset(REPO, "ds", revision="v1.0.1")["train"]) == len(
        read_folder(small[0])["ds"]
    )
    for streaming in (False, True):
        sets = cb.load_sets(REPO, "1.0.0", streaming=streaming)
        assert [row["id"] for row in sets.ds] == read_folder(small[0])["ds"]["id"]
    assert said(REPO, "1.0.1") == f"{REPO} v1.0.1 is not in the cache, and the Hub cannot be asked"
    assert "HF_HUB_OFFLINE is set" in said(REPO)


def test_a_version_that_was_meddled_with_is_refused(
    two_versions: HubServer, small: tuple[Path, Path]
) -> None:
    api = HfApi(token=two_versions.token)
    for path, local in ((DS, small[0] / DS),):
        api.upload_file(path_or_fileobj=local, path_in_repo=path, repo_id=REPO, repo_type="dataset")
    api.create_tag(REPO, tag="v1.0.2", repo_type="dataset")
    assert "version 1.0.2 was asked for, and this is version 1.0.1" in said(REPO, "1.0.2")
    api.delete_tag(REPO, tag="v1.0.1", repo_type="dataset")
    api.create_tag(REPO, tag="v1.0.1", repo_type="dataset")
    for streaming in (False, True):
        assert f"{DS} is not the file that its manifest names" in said(
            REPO, "1.0.1", streaming=streaming
        )
    api.delete_file("manifest.json", REPO, repo_type="dataset")
    api.create_tag(REPO, tag="v1.0.3", repo_type="dataset")
    assert "it was pushed by something else" in said(REPO, "1.0.3")


def test_what_may_not_be_read_or_is_not_there_is_one_sentence(
    two_versions: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "has no such version" in said(REPO, "9.0.0")
    assert "no such dataset on the Hub that this login may see" in said("org/none", "1.0.0")
    assert "there is no such folder, and it is no OWNER/NAME" in said("some/where/else")
    assert "is no version" in said(REPO, "main")
    assert "there is no config 'train'" in said(REPO, configs=["train"])
    monkeypatch.delenv("HF_TOKEN")
    assert "the Hub refuses the login" in said(REPO, "1.0.0", token="hf_wrong_and_long")
    two_versions.dataset(REPO).change_settings(private=False)
    assert "is gated: ask for access" in said(REPO, "1.0.0", token=two_versions.other_token)
    two_versions.stop()
    assert "cannot be" in said(REPO, "1.0.1")


def test_a_folder_is_checked_against_its_manifest(small: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(small[0], folder)
    sets = cb.load_sets(folder)
    assert sets.ds["id"] == read_folder(folder)["ds"]["id"]
    assert sets.facts["template_hash"]
    assert "this is no version: it was never pushed" in said(folder, "1.0.0")
    shutil.copy(small[1] / DS, folder / DS)
    assert f"{DS} is not the file that its manifest names" in said(folder)
    assert "is not the file" in said(folder, streaming=True)
    manifest = read_manifest(folder)
    manifest["files"][DS] = file_facts(folder / DS)
    manifest["rows"]["ds"] = 5
    write_manifest(folder, manifest)
    assert "rows, and its manifest says 5" in said(folder)
    (folder / DS).unlink()
    assert f"{DS} is missing" in said(folder)
