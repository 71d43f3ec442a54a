"""A column that is misspelt, or forgotten, is found by mypy: rows have their records as types."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cb_datasets as cb

pytest.importorskip("mypy", reason="mypy is not installed")

HEAD = """
from collections.abc import Mapping
from typing import Any

from datasets import Dataset

from cb_datasets.evaluation.grading import is_attacked
from cb_datasets.evaluation.run import eval_set_rows
from cb_datasets.gates.row import GatedRow
from cb_datasets.records import (
    CallPattern, CircuitBreakerRow, EvalRow, Expected, JudgedSample, RetainRow, Scenario,
    ScenarioProvenance,
)
from cb_datasets.schema import exact_rows
from cb_datasets.sets.rows import circuit_breaker_row
from cb_datasets.sets.set_rows import SetRow
from cb_datasets.training.conversations import conversation
from cb_datasets.transforms.batch import Batch, rows_of
"""

SCENARIO = """
    return Scenario(
        id="a", source="a", group="a", messages=[], tools=[],
        expected=Expected(behavior="call", calls=[CallPattern(name="f", arguments={})]),
        provenance=ScenarioProvenance(source_dataset="a", record_id="1"),%s
    )
"""

GOOD = {
    "a reader leaves out what may be null": "def good() -> Scenario:" + SCENARIO % "",
    "a scenario with another id": """
def good(scenario: Scenario) -> Scenario:
    return {**scenario, "id": "b", "twin_id": scenario["id"]}
""",
    "rows of a stage": """
def good(batch: Batch) -> list[CircuitBreakerRow]:
    return [circuit_breaker_row(row) for row in rows_of(batch, JudgedSample) if row["attack"]]
""",
    "rows of a set": """
def good(table: Dataset) -> list[str]:
    return [row["labels"]["kind"] for row in exact_rows(table, RetainRow)]
""",
    "the set a row is in tells its columns": """
def good(row: SetRow) -> str:
    return row[1]["labels"]["kind"] if row[0] == "dr" else row[0]
""",
    "a row for training as a conversation": """
def good(row: RetainRow) -> object:
    return conversation(row)["completion"]
""",
    "a gate's row": """
def good(row: GatedRow) -> str | None:
    return row.training["provenance"]["generator_model"] if row.training else None
""",
    "an eval set that was checked": """
def good(rows: list[Mapping[str, Any]]) -> list[EvalRow]:
    return [row for row in eval_set_rows(rows) if is_attacked(row)]
""",
}

MISSPELT = {
    'has no key "provenence"': """
def bad(row: EvalRow) -> object:
    return row["provenence"]
""",
    'has no key "kinds"': """
def bad(table: Dataset) -> list[str]:
    return [row["labels"]["kinds"] for row in exact_rows(table, RetainRow)]
""",
    'has no key "outcomes"': """
def bad(batch: Batch) -> list[str]:
    return [row["outcomes"] for row in rows_of(batch, JudgedSample)]
""",
    'has no key "harm_type"': """
def bad(row: SetRow) -> str:
    return row[1]["labels"]["harm_type"] if row[0] == "dr" else ""
""",
    'has no key "generator"': """
def bad(row: GatedRow) -> str | None:
    return row.training["provenance"]["generator"] if row.training else None
""",
    'has no key "success"': """
def bad(rows: list[Mapping[str, Any]]) -> object:
    return eval_set_rows(rows)[0]["success"]
""",
    'Extra key "twin"': """
def bad(scenario: Scenario) -> Scenario:
    return {**scenario, "twin": "b"}
""",
    'Extra key "atack"': "def bad() -> Scenario:" + SCENARIO % " atack=None,",
    'Missing key "calls"': """
def bad() -> Expected:
    return Expected(behavior="call")
""",
    'expected "JudgedSample"': """
def bad(scenario: Scenario) -> CircuitBreakerRow:
    return circuit_breaker_row(scenario)
""",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What mypy says of each snippet, all of them in one run."""
    folder = tmp_path_factory.mktemp("snippets")
    snippets = [*GOOD.values(), *MISSPELT.values()]
    for number, snippet in enumerate(snippets):
        (folder / f"snippet{number}.py").write_text(HEAD + snippet, encoding="utf-8")
    done = subprocess.run(
        # Without the packages that are installed: torch alone would take a minute, and no record
        # rests on any of them.
        [sys.executable, "-m", "mypy", "--config-file=", "--strict", "--no-site-packages",
         "--ignore-missing-imports", "--follow-imports=silent", "--cache-dir=cache", "."],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(Path(cb.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    said: dict[str, list[str]] = {snippet: [] for snippet in snippets}
    for number, words in re.findall(r"snippet(\d+)\.py:\d+: error: (.*)", done.stdout):
        said[snippets[int(number)]].append(words)
    assert f"(checked {len(snippets)} source files)" in done.stdout, done.stdout + done.stderr
    return said


@pytest.mark.parametrize("what", GOOD)
def test_what_is_spelt_right_is_fine(what: str, found: dict[str, list[str]]) -> None:
    assert found[GOOD[what]] == []


@pytest.mark.parametrize("words", MISSPELT)
def test_what_is_misspelt_or_forgotten_is_an_error(words: str, found: dict[str, list[str]]) -> None:
    assert any(words in error for error in found[MISSPELT[words]]), found[MISSPELT[words]]
