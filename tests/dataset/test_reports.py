"""Reports attached to a dataset folder: seen whole or not at all, and nothing else touched."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import load_dataset

from cb_datasets.dataset import attach_report, read_folder
from cb_datasets.errors import BuildError
from cb_datasets.sets import Sets

PICTURE = b"\x89PNG a picture"


@pytest.fixture
def folder(make_sets: Callable[..., Sets], tmp_path: Path) -> Path:
    make_sets().save(tmp_path / "out")
    return tmp_path / "out"


def contents(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_a_report_is_files_a_section_and_entries_of_the_manifest(folder: Path) -> None:
    before = contents(folder)
    attach_report(folder, "probe", {"auc": 0.97}, "# Probe\n\nAUC 0.97", {"roc.png": PICTURE})
    after = contents(folder)
    assert json.loads(after["reports/probe.json"]) == {"auc": 0.97}
    assert after["reports/probe/roc.png"] == PICTURE
    card = after["README.md"].decode()
    assert "## Probe\n\n### Probe\n\nAUC 0.97\n\n![roc](reports/probe/roc.png)" in card
    assert card.startswith(before["README.md"].decode().rstrip("\n"))
    files = json.loads(after["manifest.json"])["files"]
    assert set(files) == set(after) - {"manifest.json"}
    for name, facts in files.items():
        assert facts["sha256"] == hashlib.sha256(after[name]).hexdigest(), name
    untouched = set(before) - {"README.md", "manifest.json"}
    assert all(after[name] == before[name] for name in untouched)
    assert len(read_folder(folder)["ds"]) > 0
    assert load_dataset(str(folder), "ds", split="train", cache_dir=str(folder.parent / "c"))


def test_a_report_attached_again_takes_the_place_of_the_old_one(folder: Path) -> None:
    attach_report(folder, "probe", {"auc": 0.5}, "Old words", {"old.png": PICTURE})
    attach_report(folder, "comparison", {"asr": 1}, "Other words")
    attach_report(folder, "probe", {"auc": 0.9}, "New words ![x](new.png)", {"new.png": PICTURE})
    after = contents(folder)
    card = after["README.md"].decode()
    assert "Old words" not in card
    assert card.index("![x](reports/probe/new.png)") < card.index("Other words")
    assert "reports/probe/old.png" not in after
    assert "reports/probe/old.png" not in json.loads(after["manifest.json"])["files"]


def test_the_users_own_words_in_the_card_are_kept(folder: Path) -> None:
    card = folder / "README.md"
    mine = card.read_text().replace("# Circuit breaker dataset", "# Mine\n\nMy words.")
    card.write_text(f"{mine}\nMy last word.\n")
    attach_report(folder, "probe", {}, "AUC")
    text = card.read_text()
    assert "# Mine\n\nMy words." in text
    assert text.index("My last word.") < text.index("## Probe")
    assert "# Circuit breaker dataset" not in text


def test_a_file_changed_behind_the_manifests_back_is_not_blessed(folder: Path) -> None:
    before = json.loads((folder / "manifest.json").read_text())["files"]["gates.json"]
    (folder / "gates.json").write_text("{}")
    attach_report(folder, "probe", {}, "AUC")
    assert json.loads((folder / "manifest.json").read_text())["files"]["gates.json"] == before


@pytest.mark.parametrize(
    ("name", "data", "markdown", "pictures", "sentence"),
    [
        ("../up", {}, "", {}, "lower case word"),
        ("probe", {"auc": float("nan")}, "", {}, "no plain JSON"),
        ("probe", {}, "", {"../../x.png": b""}, "no name of a picture"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_changes(
    folder: Path,
    name: str,
    data: dict[str, float],
    markdown: str,
    pictures: dict[str, bytes],
    sentence: str,
) -> None:
    before = contents(folder.parent)
    with pytest.raises(BuildError, match=sentence):
        attach_report(folder, name, data, markdown, pictures)
    assert contents(folder.parent) == before


def test_links_are_not_followed(folder: Path) -> None:
    (folder / "secret.txt").symlink_to("/etc/hostname")
    with pytest.raises(BuildError, match=r"secret\.txt is a link"):
        attach_report(folder, "probe", {}, "AUC")


def test_a_process_killed_at_any_file_leaves_the_old_folder_or_the_new_one(folder: Path) -> None:
    whole = {frozenset(contents(folder)), frozenset({*contents(folder), *NEW})}
    for number in range(1, 100):
        status = killed_at(number, folder)
        if not folder.exists():
            # Between two renames: the old one lies beside, whole.
            (old,) = folder.parent.glob(".out.replaced-*")
            os.rename(old, folder)
        assert frozenset(contents(folder)) in whole
        files = json.loads((folder / "manifest.json").read_text())["files"]
        for name, facts in files.items():
            digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            assert digest == facts["sha256"], (number, name)
        if status == 0:
            break
        assert status == 9
    assert number > 10


NEW = ("reports/probe.json", "reports/probe/a.png")


def killed_at(number: int, folder: Path) -> int:
    """Attach a report in a process that is gone at the n-th file it touches; its exit status."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    left = number

    def count(event: str, arguments: object) -> None:
        nonlocal left
        left -= event in ("os.link", "os.mkdir", "os.rename", "open")
        if left == 0:
            os._exit(9)

    try:
        sys.addaudithook(count)
        attach_report(folder, "probe", {"n": number}, "words " * 10, {"a.png": b"1"})
    except BaseException:
        os._exit(1)
    os._exit(0)
