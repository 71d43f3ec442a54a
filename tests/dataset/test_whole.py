"""Outputs that are written whole: what appears meanwhile is another's, and stays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cb_datasets.dataset.jsonl import export_jsonl
from cb_datasets.dataset.whole import check_free, check_free_file, whole_file, whole_folder
from cb_datasets.errors import BuildError

APPEARED = "has been made by something else since this began; --overwrite replaces it"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def make(out: Path, *, overwrite: bool, meanwhile: Callable[[], object]) -> None:
    with whole_folder(out, overwrite=overwrite) as unfinished:
        (unfinished / "ours").touch()
        meanwhile()


def test_a_folder_that_appears_meanwhile_is_not_touched(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(BuildError, match=APPEARED):
        make(out, overwrite=False, meanwhile=lambda: (out / "theirs").mkdir(parents=True))
    assert names(out) == ["theirs"]
    assert names(tmp_path) == ["out"]
    make(out, overwrite=True, meanwhile=lambda: None)
    assert names(out) == ["ours"]
    assert names(tmp_path) == ["out"]


def test_an_empty_folder_that_appears_meanwhile_is_filled(tmp_path: Path) -> None:
    make(tmp_path / "out", overwrite=False, meanwhile=(tmp_path / "out").mkdir)
    assert names(tmp_path / "out") == ["ours"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_where_a_folder_was_to_be_is_not_touched(tmp_path: Path, overwrite: bool) -> None:
    out = tmp_path / "out"
    with pytest.raises(BuildError, match=APPEARED):
        make(out, overwrite=overwrite, meanwhile=lambda: out.write_text("theirs"))
    assert out.read_text() == "theirs"
    assert names(tmp_path) == ["out"]


def test_a_file_that_appears_meanwhile_is_not_touched(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"

    def rows() -> Iterator[dict[str, Any]]:
        out.write_text("theirs")
        yield {}

    with pytest.raises(BuildError, match=APPEARED):
        export_jsonl(rows(), out, overwrite=False)
    assert out.read_text() == "theirs"
    with whole_file(out) as unfinished:
        unfinished.write_text("ours")
    assert out.read_text() == "ours"
    assert names(tmp_path) == ["out.jsonl"]


def test_a_link_stays_one_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/old").mkdir()
    (tmp_path / "disk/old/file").touch()
    (tmp_path / "out").symlink_to(tmp_path / "disk/old")
    (tmp_path / "new").symlink_to(tmp_path / "disk/new")
    for name in ("out", "new"):
        with whole_folder(tmp_path / name, overwrite=True) as unfinished:
            (unfinished / "ours").touch()
        assert (tmp_path / name).is_symlink()
    (tmp_path / "rows.jsonl").symlink_to(tmp_path / "disk/rows.jsonl")
    with whole_file(tmp_path / "rows.jsonl") as file:
        file.write_text("ours")
    assert names(tmp_path) == ["disk", "new", "out", "rows.jsonl"]
    assert names(tmp_path / "disk") == ["new", "old", "rows.jsonl"]
    assert names(tmp_path / "disk/old") == names(tmp_path / "disk/new") == ["ours"]


def test_what_cannot_be_replaced_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    for device in (Path(os.devnull), tmp_path / "pipe.jsonl"):
        with pytest.raises(BuildError, match="is a device or a pipe; a file was expected"):
            check_free_file(device, overwrite=True)
    monkeypatch.setattr(os.path, "ismount", lambda path: path == tmp_path)
    with pytest.raises(BuildError, match="is a mount point, which no folder replaces; give one"):
        check_free(tmp_path, overwrite=True)
    check_free(tmp_path / "inside", overwrite=False)
