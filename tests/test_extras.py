"""How to get an extra is said in the way in which the library was installed."""

from __future__ import annotations

import json
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from cb_datasets import extras
from cb_datasets.extras import command_like, install, install_command

_GIT = {"vcs": "git", "commit_id": "f00d", "requested_revision": "v1.2"}


def distribution(folder: Path, url: dict[str, Any] | None, by: str) -> metadata.Distribution:
    """What an installer leaves behind."""
    info = folder / "cb_datasets-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: cb_datasets\nVersion: 1.0\n")
    (info / "INSTALLER").write_text(f"{by}\n")
    if url is not None:
        (info / "direct_url.json").write_text(json.dumps(url))
    return metadata.PathDistribution(info)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        (None, ["cb_datasets[probe]"]),
        ({"url": "file:///a%20b/lib", "dir_info": {}}, ["/a b/lib[probe]"]),
        ({"url": "file:///lib", "dir_info": {"editable": True}}, ["-e", "/lib[probe]"]),
        (
            {"url": "https://example.org/x.git", "vcs_info": _GIT, "subdirectory": "py"},
            ["cb_datasets[probe] @ git+https://example.org/x.git@v1.2#subdirectory=py"],
        ),
        (
            {"url": "https://example.org/x.whl", "archive_info": {}},
            ["cb_datasets[probe] @ https://example.org/x.whl"],
        ),
        ({"nothing": "known"}, ["cb_datasets[probe]"]),
    ],
)
def test_an_extra_is_asked_for_where_the_library_came_from(
    url: dict[str, Any] | None, asked: list[str], tmp_path: Path
) -> None:
    command = command_like(distribution(tmp_path, url, "pip"), "probe")
    begin = shlex.split(install())
    assert shlex.split(command) == [*begin, *asked]


def test_uv_is_asked_where_uv_installed_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = distribution(tmp_path, None, "uv")
    monkeypatch.setattr(extras.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    assert command_like(found, "ray") == 'uv pip install "cb_datasets[ray]"'
    monkeypatch.delenv("VIRTUAL_ENV")
    words = shlex.split(command_like(found, "ray"))
    assert words == ["uv", "pip", "install", "--python", sys.executable, "cb_datasets[ray]"]


def test_another_python_s_pip_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras.shutil, "which", lambda name: f"/elsewhere/{name}")
    assert shlex.split(install()) == [sys.executable, "-m", "pip", "install"]


def test_a_checkout_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(extras.metadata, "distribution", missing)
    install_command.cache_clear()
    root = Path(extras.__file__).parents[1]
    assert shlex.split(install_command("probe"))[-2:] == ["-e", f"{root}[probe]"]
    install_command.cache_clear()
