"""What decides rows is in the hash of the code, and what does not is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import grimp
import pytest

import cb_datasets
from cb_datasets.code_version import code_version
from cb_datasets.engines.specification import engine_code
from cb_datasets.transforms import BatchGenerate, FormatPrompt, LabelOutcome, ParseToolCalls

LIBRARY = Path(cb_datasets.__file__).parent
AFTER_THE_ROWS = (
    *("builders", "cli", "dataset", "evaluation", "gates", "hub", "probing", "report_page"),
    "training",
)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(LIBRARY, tmp_path / "cb_datasets", ignore=ignored))


def version(library: Path) -> str:
    return code_version.__wrapped__(library=library)


def test_any_file_that_decides_rows_changes_it(copied: Path) -> None:
    before = version(copied)
    assert before == code_version()
    silent = (*AFTER_THE_ROWS, "__init__.py", "py.typed", "version.py")
    decisive = [
        file
        for file in copied.rglob("*")
        if file.is_file() and file.relative_to(copied).parts[0] not in silent
    ]
    for telling in (
        "records/scenario.py",
        "demo/texts.py",
        "agentdojo/facts.json",
        "chat_template.jinja",
    ):
        assert any(file.as_posix().endswith(telling) for file in decisive), telling
    for file in decisive:
        content = file.read_bytes()
        file.write_bytes(content + b" ")
        assert version(copied) != before, file
        file.write_bytes(content)
    (copied / "a_new_room.py").touch()
    assert version(copied) != before


def test_what_only_shows_rows_does_not_change_it(copied: Path) -> None:
    before = version(copied)
    for room in AFTER_THE_ROWS:
        for file in filter(Path.is_file, (copied / room).rglob("*")):
            file.write_bytes(file.read_bytes() + b" ")
    assert version(copied) == before


@pytest.mark.parametrize("transform", [FormatPrompt, BatchGenerate, ParseToolCalls, LabelOutcome])
def test_a_transform_is_versioned_by_all_the_code_it_imports(
    transform: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    module = transform.__module__
    monkeypatch.setattr(f"{module}.code_version", lambda *rooms: asked.extend(rooms) or "v")
    made = transform(engine=None) if transform is BatchGenerate else transform()
    made.version()
    # Samples are the engine's, whose own fingerprint is beside; outcomes do not decide them.
    beside = ("engines", "judge") if transform is BatchGenerate else ()
    assert beyond(module, asked, beside) == set()


@pytest.mark.parametrize("wing", ["transformers", "vllm", "server"])
def test_an_engine_is_versioned_by_all_the_code_that_can_change_a_sample(
    wing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    name = "cb_datasets.engines.specification.code_version"
    monkeypatch.setattr(name, lambda *rooms: asked.extend(rooms) or "v")
    engine_code(wing)
    # Which model it is, its format with it, and how it is written down, is in the fingerprint
    # itself; the others are the words of an error, and of why a completion ended, and what a format
    # reads tools and names with.
    beside = ("models", "formats", "engines/specification.py", "quoting.py", "records/names.py")
    beside += ("refusal.py", "schema", "text_forms.py")
    assert beyond(f"cb_datasets.engines.{wing}.engine", asked, beside) == set()


def beyond(module: str, rooms: list[str], beside: tuple[str, ...]) -> set[str]:
    """The modules that a module rests on which are in none of the rooms."""
    graph = grimp.build_graph("cb_datasets")
    covered = [*rooms, *beside, "assets", "code_version.py", "errors.py", "extras.py", "version.py"]
    # They check options and find things; what those decide is in the things' own rooms.
    covered += ["options.py", "registry.py", "engines/backend.py"]
    places = [room.removesuffix(".py").replace("/", ".") for room in covered]
    found = set()
    # What only hands names on decides nothing.
    rested_on = graph.find_upstream_modules(module) - {"cb_datasets", "cb_datasets.engines"}
    for name in {module, *rested_on}:
        own = name.removeprefix("cb_datasets.")
        if not any(own == place or own.startswith(f"{place}.") for place in places):
            found.add(own)
    return found
