"""Several sources in one build: everything that was read is accounted for, and options reach."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from cb_datasets.assets import TINY_AGENT_NAME
from tests.cli.command import exit_code, run

pytestmark = pytest.mark.long

AGENTDOJO = "agentdojo/agentdojo-gpt-4o-mini-2024-07-18.jsonl.gz"
TAU2 = "tau2/airline_gpt-4o_dir"


@pytest.fixture(scope="module")
def folder(upstream: Path, demo_samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AgentDojo, τ² and the demo suite, one sample a scenario, in one build."""
    target = tmp_path_factory.mktemp("built") / "together"
    read = [f"agentdojo={upstream / AGENTDOJO}", f"tau2={upstream / TAU2}", "demo"]
    sources = [word for one in read for word in ("--source", one)]
    sampling = ("--num-samples", "1", "--journal", str(demo_samples), "--model", TINY_AGENT_NAME)
    # A gate may fail on real data; then the folder is written, and it is 1.
    assert exit_code("build", str(target), *sources, *sampling) in (0, 1)
    assert (target / "manifest.json").exists()
    return target


def table_of(card: str, head: str) -> dict[str, list[int]]:
    """A table of the card: its numbers by the name in its first column."""
    _, _, below = card.partition(head)
    rows = {}
    for line in below.strip().splitlines()[1:]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            break
        rows[cells[0]] = [int(cell) for cell in cells[1:]]
    return rows


def counts_of(card: str, source: str, what: str) -> Counter[str]:
    """The counts of a source in a line of the card, by name."""
    found = re.search(rf"^- \*\*{source}\*\*\n(?:  - .*\n?)*?  - {what}: (.*)$", card, re.MULTILINE)
    assert found
    if found[1] == "none":
        return Counter()
    pairs = (part.rsplit(" ", 1) for part in found[1].split(", "))
    return Counter({name: int(count) for name, count in pairs})


def rows_of(folder: Path, config: str) -> list[dict[str, Any]]:
    (file,) = (folder / config).glob("*.parquet")
    rows: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    return rows


def read_by_hand(upstream: Path) -> dict[str, int]:
    """How many scenarios there are, counted in the files themselves."""
    traces = gzip.decompress((upstream / AGENTDOJO).read_bytes()).splitlines()
    turns = 0
    for file in (upstream / TAU2 / "simulations").glob("*.json"):
        roles = [message["role"] for message in json.loads(file.read_text())["messages"]]
        turns += roles[roles.index("user") :].count("assistant")
    return {"agentdojo": len(traces) - 1, "tau2": turns, "demo": 596}


def test_scenarios_add_up_to_what_was_read(folder: Path, upstream: Path) -> None:
    card = (folder / "README.md").read_text(encoding="utf-8")
    table = table_of(card, "| source | scenarios | left out | for eval | judged |\n")
    read = read_by_hand(upstream)
    assert set(table) == set(read)
    for source, (scenarios, left_out, held, judged) in table.items():
        assert scenarios == read[source]
        assert left_out + held + judged == scenarios
        assert counts_of(card, source, "left out before sampling").total() == left_out


def test_completions_add_up_to_the_rows_of_the_sets(folder: Path) -> None:
    card = (folder / "README.md").read_text(encoding="utf-8")
    table = table_of(card, "| source | completions | Ds | Dr | rejected |\n")
    ds, dr, rejected = (rows_of(folder, name) for name in ("ds", "dr", "rejected"))
    for source, (completions, in_ds, in_dr, out) in table.items():
        kinds = Counter(
            row["labels"]["kind"] for row in dr if row["provenance"]["source"] == source
        )
        outcomes = Counter(
            row["labels"]["outcome"] for row in (*ds, *dr) if row["provenance"]["source"] == source
        )
        judged = [r for r in rejected if r["source"] == source and r["sample_index"] is not None]
        outcomes.update(row["outcome"] for row in judged)
        assert in_ds == sum(row["provenance"]["source"] == source for row in ds)
        assert counts_of(card, source, "in Dr by kind") == kinds
        assert counts_of(card, source, "completions by outcome") == outcomes
        assert counts_of(card, source, "rejected") == Counter(row["reason"] for row in judged)
        assert (in_dr, out) == (kinds.total(), len(judged))
        assert completions == in_ds + in_dr + out


def test_no_scenario_is_in_two_places(folder: Path, upstream: Path) -> None:
    places = Counter(row["scenario_id"] for row in rows_of(folder, "rejected"))
    trained = {
        row["provenance"]["scenario_id"] for name in ("ds", "dr") for row in rows_of(folder, name)
    }
    held = {row["scenario_id"] for row in rows_of(folder, "eval")}
    assert not trained & held
    assert not held & set(places)
    assert len(trained | held | set(places)) == sum(read_by_hand(upstream).values())


def test_a_source_option_reaches_its_reader(
    upstream: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("--source", f"tau2={upstream / TAU2}", "-O", "tau2.turns=first")
    _, out, _ = run(capsys, "build", str(tmp_path / "out"), *asked, "--dry-run")
    runs = len(list((upstream / TAU2 / "simulations").glob("*.json")))
    assert f"{runs} records, {runs} scenarios" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-O", "demo"], "expected NAME.OPTION=VALUE"),
        (["-O", "tau2.turns=first"], "there is no --source tau2"),
        (["-O", "demo.max_malformed=2"], "max_malformed is 2; it must be between 0 and 1"),
        (["-O", "demo.turns=all"], "the source 'demo' has no option 'turns'"),
        (["--hold-out", "colour=red"], "expected one of source=NAME, category=NAME"),
        (["--hold-out", "category=nothing"], "no scenario has category=nothing, to be held out"),
        (["--retain-quota", "answer"], "--retain-quota answer: expected KIND=NUMBER"),
        (["--retain-weight", "answers=1"], "'answers', which is no kind of Dr"),
        (["--near-duplicates", "0.2"], "near_duplicates is 0.2; it must be between 0.5 and 1"),
        (["--source", "tau2=nobody/nothing-here.json"], "there is no such file or folder"),
    ],
)
def test_a_wrong_option_is_one_sentence_and_exit_code_2(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "build", str(tmp_path / "out"), *arguments)
    assert code == 2
    assert sentence in err
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_what_is_held_out_is_in_no_training_row(demo_samples: Path, tmp_path: Path) -> None:
    category = "hidden_comment"
    target = tmp_path / "out"
    sampling = ("--num-samples", "1", "--journal", str(demo_samples), "--model", TINY_AGENT_NAME)
    held = ("--hold-out", f"category={category}")
    assert exit_code("build", str(target), *held, *sampling) in (0, 1)
    trained = [row["labels"]["category"] for name in ("ds", "dr") for row in rows_of(target, name)]
    assert category not in trained
    assert len(trained) > 100
    assert category in [
        row["attack"]["category"] for row in rows_of(target, "eval") if row["attack"]
    ]
    assert "held_out" in [row["reason"] for row in rows_of(target, "rejected")]
