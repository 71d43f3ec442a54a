"""What README and guides show works as it stands there: block by block, in one folder a page."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

import cb_datasets as cb
from cb_datasets.assets import tiny_agent_path
from cb_datasets.cli.app import app
from cb_datasets.engines import Engine
from cb_datasets.sources.limit import some_groups
from tests.cli.command import exit_code
from tests.fixtures.upstream import write_agentdojo, write_tau2
from tests.hub_server import HubServer

if TYPE_CHECKING:
    from datasets import Dataset

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "examples" / "guides").glob("*.md"))
PAGES = [ROOT / "README.md", *GUIDES]
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<why>[^\n]+) -->\n)?```(?P<language>bash|python)\n(?P<text>.*?)```",
    re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A block of a page."""

    language: str
    text: str
    runs: bool

    def commands(self) -> Iterator[tuple[str, int]]:
        """Each command of a block of the shell, and the exit code that is told below it."""
        text = re.sub(r"\\\n\s*", "", self.text)
        pattern = r"^(cat > \S+ <<'END'\n.*?\nEND|[^\n#][^\n]*)\n(?:# exit (\d))?"
        for match in re.finditer(pattern, text, re.DOTALL | re.MULTILINE):
            yield match[1], int(match[2] or 0)


def blocks(page: Path) -> list[Block]:
    found = BLOCK.finditer(page.read_text("utf-8"))
    read = [Block(match["language"], match["text"], match["why"] is None) for match in found]
    # How a clone is installed and tested is what CI itself does.
    return [block for block in read if "pip install" not in block.text]


@pytest.fixture(scope="module")
def demo_dataset(
    agent: Engine, demo: Dataset, demo_samples: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int | None], Path]:
    """The demo suite or so many scenarios of it, one sample each, in a folder."""

    @cache
    def built(limit: int | None) -> Path:
        folder = tmp_path_factory.mktemp("built") / "demo-dataset"
        cb.build_sets(some_groups(demo, limit), agent, num_samples=1, journal=demo_samples).save(
            folder
        )
        return folder

    return built


@pytest.fixture
def scratch(
    page: Path,
    demo_dataset: Callable[[int | None], Path],
    demo_samples: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The folder that the guides speak of."""
    # Of less than the whole suite the probe rightly finds no state.
    limit = None if page.stem == "probe" else 150
    shutil.copytree(demo_dataset(limit), tmp_path / "demo-dataset")
    shutil.copytree(demo_samples, tmp_path / "samples")
    write_agentdojo(tmp_path)
    (tmp_path / "agentdojo").rename(tmp_path / "traces")
    write_tau2(tmp_path / "simulations")
    shutil.copytree(tiny_agent_path(), tmp_path / "tokenizer")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_shows_runs(
    page: Path, scratch: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token)
    names: dict[str, object] = {"__name__": page.stem}
    for block in blocks(page):
        if not block.runs:
            continue
        if block.language == "python":
            exec(compile(block.text, page.name, "exec", dont_inherit=True), names)
            continue
        for command, code in block.commands():
            words = shlex.split(command, comments=True)
            if words[0] == "cb-datasets":
                words = [word for part in words for word in _expanded(part)]
                assert exit_code(*words[1:]) == code, command
            else:
                subprocess.run(["bash", "-c", command], check=True, cwd=scratch)


def _expanded(word: str) -> list[str]:
    """A word of the shell with its star expanded."""
    paths = sorted(str(path) for path in Path().glob(word)) if "*" in word else []
    return paths or [word]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_not_run_has_options_and_names_that_exist(page: Path) -> None:
    group: Any = typer.main.get_command(app)
    for block in blocks(page):
        if block.language == "python":
            compile(block.text, page.name, "exec", dont_inherit=True)
            for name in re.findall(r"\bcb\.(\w+)", block.text):
                assert hasattr(cb, name), name
            continue
        for line, _ in block.commands():
            for command in line.split(" && ") if line.startswith("cb-datasets") else ():
                _, name, *options = shlex.split(command, comments=True)
                group.commands[name].make_context(name, options)


def test_pages_that_are_linked_are_there() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
    linked = set(re.findall(r"\((\w+\.md)\)", GUIDES[0].read_text("utf-8")))
    assert linked == {guide.name for guide in GUIDES} - {"README.md"}
