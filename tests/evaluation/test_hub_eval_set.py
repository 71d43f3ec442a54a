"""An eval set that is in a dataset on the Hub, at a revision, by the real clients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from datasets import Dataset

import cb_datasets as cb
from cb_datasets.dataset import read_folder
from cb_datasets.engines import Engine
from cb_datasets.errors import HubError
from cb_datasets.evaluation.run import eval_set_rows
from cb_datasets.hub.place import dataset_folder
from cb_datasets.schema import exact_rows

if TYPE_CHECKING:
    from tests.hub_server import HubServer


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory, agent: Engine, demo: Dataset, demo_samples: Path
) -> Path:
    folder = tmp_path_factory.mktemp("built") / "demo"
    scenarios = demo.select(range(0, 60, 3))
    options = {"num_samples": 1, "eval_fraction": 0.5, "journal": demo_samples}
    cb.build_sets(scenarios, agent, **options).save(folder)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_the_eval_set_of_a_repo_is_that_of_the_folder_at_the_revision(
    hub: HubServer, built: Path
) -> None:
    from huggingface_hub import HfApi

    hub.add_dataset("team/agents", files_of(built))
    api = HfApi(token=hub.token)
    api.create_tag("team/agents", tag="v1.0.0", repo_type="dataset")
    api.upload_file(
        path_or_fileobj=b"{}",
        path_in_repo="manifest.json",
        repo_id="team/agents",
        repo_type="dataset",
    )
    here = list(exact_rows(read_folder(built)["eval"]))
    assert eval_set_rows("team/agents@v1.0.0") == here
    with pytest.raises(cb.errors.BuildError, match=r"no manifest of a dataset folder"):
        eval_set_rows("team/agents")


def test_a_folder_here_is_taken_before_a_repo_of_its_name(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(built.parent.parent)
    name = f"{built.parent.name}/{built.name}"
    assert dataset_folder(name) == Path(name)


def test_what_the_hub_lacks_is_said_in_a_sentence(hub: HubServer, built: Path) -> None:
    hub.add_dataset("team/agents", files_of(built))
    with pytest.raises(HubError, match=r"no/such: there is no such file or folder, and") as caught:
        eval_set_rows("no/such")
    assert hub.token not in str(caught.value)
    with pytest.raises(HubError, match=r"team/agents: the dataset has no revision 'v9'"):
        eval_set_rows("team/agents@v9")
