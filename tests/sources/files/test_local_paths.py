"""Folders as people have them: links, links that go round, and what is no file."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

import cb_datasets as cb
from cb_datasets.errors import BuildError, EngineError, SourceError
from cb_datasets.models.files import find_model
from cb_datasets.sources.files.data_files import DataFile, resolve_data_files


def write(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}\n")


def found(given: Path | str, below: Path) -> list[str]:
    return [os.path.relpath(file.path, below) for file in resolve_data_files(given)]


def test_links_to_folders_are_followed_and_each_file_is_read_once(tmp_path: Path) -> None:
    runs, elsewhere = tmp_path / "runs", tmp_path / "elsewhere"
    write(runs / "own/a.jsonl", elsewhere / "deep/b.jsonl", elsewhere / ".git/c.jsonl")
    (runs / "again").symlink_to("own")
    (runs / "far").symlink_to(elsewhere)
    (runs / "far too").symlink_to(elsewhere / "deep")
    for given in (runs, str(runs / "**" / "*.jsonl")):
        assert found(given, runs) == ["far/deep/b.jsonl", "own/a.jsonl"]
    (tmp_path / "link").symlink_to(runs)
    assert len(found(tmp_path / "link", runs)) == 2


def test_links_that_go_round_end(tmp_path: Path) -> None:
    write(tmp_path / "runs/a.jsonl", tmp_path / "other/b.jsonl", tmp_path / "beside.jsonl")
    for name in ("one", "two", "three"):
        (tmp_path / "runs" / name).symlink_to(".")
        (tmp_path / "other" / name).symlink_to("../runs")
        (tmp_path / "runs" / f"up {name}").symlink_to("..")
        (tmp_path / "runs" / f"other {name}").symlink_to("../other")
    # What lies beside the folder does not belong to it, though a link leads there.
    expected = ["a.jsonl", "other one/b.jsonl"]
    for given in (tmp_path / "runs", f"{tmp_path}/runs/**/*.jsonl", f"{tmp_path}/runs/**"):
        assert found(given, tmp_path / "runs") == expected


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("**/*.jsonl", ["a.jsonl", "x/b.jsonl", "x/y/c.jsonl"]),
        ("**", ["a.jsonl", "n.txt", "x/b.jsonl", "x/y/c.jsonl"]),
        ("x/**/*.jsonl", ["x/b.jsonl", "x/y/c.jsonl"]),
        ("[x]/**/y/**/c.*", ["x/y/c.jsonl"]),
        ("**/.h/*.jsonl", ["x/.h/d.jsonl"]),
        ("**/.*.jsonl", ["x/.e.jsonl"]),
        ("x/*", ["x/b.jsonl"]),
    ],
)
def test_patterns_mean_what_they_mean_in_a_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, files: list[str]
) -> None:
    write(*(tmp_path / name for name in ("a.jsonl", "n.txt", "x/b.jsonl", "x/y/c.jsonl")))
    write(tmp_path / "x/.h/d.jsonl", tmp_path / "x/.e.jsonl")
    assert found(f"{tmp_path}/{pattern}", tmp_path) == files
    monkeypatch.chdir(tmp_path)
    assert [file.path for file in resolve_data_files(pattern)] == files


def pipe(path: Path) -> None:
    os.mkfifo(path)


def socket_file(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [pipe, socket_file, device])
@pytest.mark.parametrize("given", ["", "strange.jsonl", "*.jsonl", "**/*"])
def test_what_would_be_waited_for_is_named_and_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: object, given: str
) -> None:
    write(tmp_path / "a.jsonl")
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    make(Path("strange.jsonl"))  # type: ignore[operator]
    with pytest.raises(SourceError, match=r"strange\.jsonl: this is a pipe, a socket or a device"):
        list(cb.load_source("generic", str(tmp_path / given)))


def test_a_link_that_leads_nowhere_and_a_folder_that_cannot_be_read_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.jsonl", tmp_path / "closed/b.jsonl")
    scandir = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", refusing)
        with pytest.raises(SourceError, match=r"closed: the folder cannot be read \(Permission de"):
            resolve_data_files(tmp_path)
    (tmp_path / "part 2").symlink_to("not mounted")
    with pytest.raises(SourceError, match="part 2: this link leads nowhere"):
        resolve_data_files(tmp_path)


def test_a_file_that_has_become_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl")
    (file,) = resolve_data_files(tmp_path)
    (tmp_path / "a.jsonl").unlink()
    os.mkfifo(tmp_path / "a.jsonl")
    with pytest.raises(SourceError, match=r"a\.jsonl: this is a pipe"):
        file.open()
    with pytest.raises(SourceError, match="this is a folder, expected a file"):
        DataFile(str(tmp_path)).open()


def test_a_pipe_in_a_folder_of_a_model_or_a_dataset_is_not_waited_for(
    tmp_path: Path, model_folder: Path
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for path in model_folder.iterdir():
        (model / path.name).symlink_to(path)
    find_model(model)
    os.mkfifo(model / "tokenizer.model")
    with pytest.raises(
        EngineError, match=r"holds 'tokenizer\.model', which is neither file nor fol"
    ):
        find_model(model)
    (tmp_path / "set").mkdir()
    os.mkfifo(tmp_path / "set/manifest.json")
    with pytest.raises(BuildError, match=r"manifest\.json: this is no manifest"):
        cb.load_sets(tmp_path / "set")
