"""How to get an extra, in the way in which this library itself was installed.

From an index, a folder (editable or not), a repository or an archive, by pip or uv: what an
installer notes down (https://packaging.python.org/specifications/direct-url) tells.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

_NAME = "cb_datasets"


@cache
def install_command(extra: str) -> str:
    """The command that adds an extra of this library.

    Example:
        >>> install_command("probe")  # doctest: +SKIP
        "pip install 'cb_datasets[probe]'"
    """
    try:
        distribution = metadata.distribution(_NAME)
    except metadata.PackageNotFoundError:
        return f"{install()} {_in_folder(Path(__file__).parents[1], extra, editable=True)}"
    return command_like(distribution, extra)


def install(by_uv: bool = False) -> str:
    """How a command begins that installs something into this Python.

    Example:
        >>> install().endswith("pip install")
        True
    """
    here = Path(sys.executable)
    if by_uv and shutil.which("uv"):
        active = os.environ.get("VIRTUAL_ENV")
        if active and Path(active) == Path(sys.prefix):
            return "uv pip install"
        return f"uv pip install --python {shlex.quote(str(here))}"
    found = shutil.which("pip")
    # The pip that a shell finds may be another Python's.
    if found is not None and Path(found).parent == here.parent:
        return "pip install"
    return f"{shlex.quote(str(here))} -m pip install"


def command_like(distribution: metadata.Distribution, extra: str) -> str:
    """The command that adds an extra to a distribution, in the way in which that was installed."""
    by = (distribution.read_text("INSTALLER") or "").strip()
    return f"{install(by_uv=by == 'uv')} {_requirement(distribution, extra)}"


def _requirement(distribution: metadata.Distribution, extra: str) -> str:
    name = f"{_NAME}[{extra}]"
    url, facts = _origin(distribution)
    if "dir_info" in facts:
        folder = Path(url2pathname(urlsplit(url).path))
        return _in_folder(folder, extra, editable=bool(facts["dir_info"].get("editable")))
    if "vcs_info" in facts:
        asked = facts["vcs_info"]
        revision = asked.get("requested_revision") or asked.get("commit_id")
        url = f"{asked.get('vcs', 'git')}+{url}" + (f"@{revision}" if revision else "")
    if url and (below := facts.get("subdirectory")):
        url = f"{url}#subdirectory={below}"
    return f'"{name} @ {url}"' if url else f'"{name}"'


def _origin(distribution: metadata.Distribution) -> tuple[str, dict[str, Any]]:
    """Where a distribution was installed from; nothing for an index."""
    try:
        facts = json.loads(distribution.read_text("direct_url.json") or "{}")
        return str(facts["url"]), facts
    except (ValueError, KeyError, TypeError):
        return "", {}


def _in_folder(folder: Path, extra: str, *, editable: bool) -> str:
    where = shlex.quote(f"{folder}[{extra}]")
    return f"-e {where}" if editable else where
