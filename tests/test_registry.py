"""Another package adds a source by an entry point: a real one, installed in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """
from typing import Annotated
from typing_extensions import TypedDict
from cb_datasets.options import Option
from cb_datasets.records import Expected, Scenario, ScenarioProvenance
from cb_datasets.sources import Source

class TeaOptions(TypedDict, total=False):
    brew: Annotated[str, Option("black", "What is brewed.", choices=("black", "green"))]

def make_reader(*, brew):
    return lambda row, place: read_tea(row, place, brew)

def read_tea(row, place, brew):
    yield Scenario(
        id=f"tea/{row['id']}",
        source="tea",
        group=f"tea/{row['id']}",
        messages=[{"role": "user", "content": f"Make {brew} tea."}],
        tools=[],
        expected=Expected(behavior="answer", calls=[]),
        provenance=ScenarioProvenance(source_dataset=place.file, record_id=str(row["id"])),
    )

source = Source(
    name="tea",
    title="Requests for tea",
    licence="MIT",
    url="https://example.invalid/tea",
    make_reader=make_reader,
    options=TeaOptions,
)
replaces_demo = Source(
    name="demo", title="Another demo", licence="none", url="", make_reader=make_reader
)
no_source = {"name": "tea"}
"""


def install(folder: Path, **points: str) -> Path:
    """A package with entry points, as an installer would lay it out."""
    info = folder / "tea_sources-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tea-sources\nVersion: 1.0\n")
    lines = ["[cb_datasets.sources]", *(f"{name} = {where}" for name, where in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    (folder / "tea_sources.py").write_text(MODULE)
    (folder / "tea_broken.py").write_text("import no_such_module\n")
    return folder


def run(folder: Path, code: str) -> str:
    """What a program prints in a process that has the folder on its path."""
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "HF_HOME": str(folder / "hf"), "COLUMNS": "200"},
    )
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def command(*arguments: str) -> str:
    return (
        f"import sys; sys.argv = ['cb-datasets', *{arguments!r}]\n"
        "from cb_datasets.cli.app import main\nmain()"
    )


TRY = """
from cb_datasets.errors import SourceError
from cb_datasets.sources import find_source, list_sources, load_source
try:
    {}
except SourceError as error:
    print("SourceError:", error)
"""


def test_a_source_of_another_package_is_listed_and_loaded_as_any_other(tmp_path: Path):
    install(tmp_path, tea="tea_sources:source")
    (tmp_path / "rows.jsonl").write_text('{"id": 1}\n{"id": 2}\n')
    code = """
import json
from cb_datasets.sources import find_source, list_sources, load_source
rows = load_source("tea", "rows.jsonl", brew="green")
print(json.dumps([list_sources(), rows["id"][:], rows[0]["messages"], find_source("tea").title]))
"""
    names, ids, messages, title = json.loads(run(tmp_path, code).splitlines()[-1])
    assert names == sorted(names)
    assert {"tea", "agentdojo", "demo"} <= set(names)
    assert ids == ["tea/1", "tea/2"]
    assert messages == [{"role": "user", "content": "Make green tea."}]
    assert title == "Requests for tea"
    wrong = run(tmp_path, TRY.format('load_source("tea", "rows.jsonl", milk=True)'))
    assert "the source 'tea' has no option 'milk' (known: brew," in wrong


def test_the_command_line_lists_it(tmp_path: Path):
    install(tmp_path, tea="tea_sources:source")
    told = run(tmp_path, command("sources"))
    assert "Requests for tea" in told
    assert "agentdojo" in told


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("tea_broken:source", "cannot be loaded (ModuleNotFoundError: No module named"),
        ("tea_sources:missing", "cannot be loaded (AttributeError: "),
        ("tea_missing:source", "cannot be loaded (ModuleNotFoundError: "),
        ("tea_sources:no_source", "is a dict, expected a cb_datasets.sources.Source"),
        ("tea_sources:read_tea", "is a function, expected a cb_datasets.sources.Source"),
        ("tea_sources:replaces_demo", "is called 'demo', expected the same name in both"),
    ],
)
def test_one_that_is_no_source_is_one_sentence_that_names_it(
    tmp_path: Path, where: str, sentence: str
):
    install(tmp_path, tea=where)
    told = run(tmp_path, TRY.format('print(list_sources()); find_source("tea")')).strip()
    listed, _, told = told.partition("\n")
    assert "'tea'" in listed
    assert told.startswith("SourceError: the entry point 'tea' of cb_datasets.sources ")
    assert sentence in told
    assert "\n" not in told
    listed = run(tmp_path, command("sources"))
    assert sentence.partition("(")[0].strip() in " ".join(listed.split())


def test_one_that_takes_a_name_that_is_here_does_not_replace_it(tmp_path: Path):
    install(tmp_path, demo="tea_sources:replaces_demo", tea="tea_sources:source")
    told = run(
        tmp_path, TRY.format('print(find_source("demo").title, "|", "tea" in list_sources())')
    )
    assert "Built-in suite" in told
    assert told.strip().endswith("| True")


def test_a_name_that_two_packages_add_is_neither_ones(tmp_path: Path):
    install(tmp_path, tea="tea_sources:source")
    info = tmp_path / "more_tea-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: more-tea\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cb_datasets.sources]\ntea = more_tea:source\n")
    told = run(tmp_path, TRY.format('print(len(load_source("demo"))); find_source("tea")'))
    assert told.startswith("596")
    assert "SourceError: more than one package adds a source 'tea': " in told
    assert "more_tea:source" in told
    assert "tea_sources:source" in told


def test_a_process_may_add_one_again_and_again_and_never_the_name_of_another(tmp_path: Path):
    install(tmp_path, tea="tea_sources:source")
    code = """
from dataclasses import replace
from cb_datasets.sources import SOURCES
mine = replace(find_source("demo"), name="mine", title="First")
SOURCES.add(mine)
SOURCES.add(replace(mine, title="Second"))
print(find_source("mine").title, len(load_source("mine")), "mine" in list_sources())
for name in ("demo", "tea"):
    try:
        SOURCES.add(replace(mine, name=name))
    except SourceError as error:
        print(error)
try:
    SOURCES.add({"name": "dict"})
except SourceError as error:
    print(error)
"""
    told = run(tmp_path, TRY.partition("try:")[0] + code).splitlines()
    assert told[-4:] == [
        "Second 596 True",
        "there is a source 'demo' already",
        "there is a source 'tea' already",
        "the source is a dict, expected a cb_datasets.sources.Source",
    ]


def test_without_such_packages_only_the_librarys_own_are_known(tmp_path: Path):
    told = run(tmp_path, TRY.format('find_source("tea")'))
    assert "SourceError: there is no source 'tea'" in told
