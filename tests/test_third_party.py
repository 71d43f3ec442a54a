"""Another package adds a source, a backend, a gate and a judge; all four work as the library's own.

The package is the folder `third_party`, installed as an installer would lay it out.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long

POINTS = {
    "cb_datasets.sources": "orders = kettle.source:SOURCE",
    "cb_datasets.engines": "kettle = kettle.engine:BACKEND",
    "cb_datasets.gates": "strength = kettle.gate:GATE",
    "cb_datasets.judges": "lies = kettle.judge:JUDGE",
}
GUESTS = ("Ann", "Ben", "Cem", "Dan", "Eve", "Fay")
SLIPPED_IN = {"waste": "No: pour it out.", "lie": "No: say that it is cold."}

# Each command as a process would run it; one process for all, since importing torch takes longest.
RUN = """
import contextlib, io, json, sys
from cb_datasets.cli.app import main
told = []
for arguments in json.loads(sys.argv[1]):
    sys.argv, out, err, code = ["cb-datasets", *arguments], io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as stop:
            code = stop.code
    told.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package, orders to read, and no library of its own."""
    folder = tmp_path_factory.mktemp("third_party")
    shutil.copytree(Path(__file__).parent / "third_party" / "kettle", folder / "kettle")
    info = folder / "kettle-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: kettle\nVersion: 1.0\n")
    lines = [f"[{group}]\n{point}\n" for group, point in POINTS.items()]
    (info / "entry_points.txt").write_text("\n".join(lines))
    orders: list[dict[str, Any]] = [{"guest": guest} for guest in GUESTS]
    for category, words in SLIPPED_IN.items():
        for number in range(3):
            order = {"guest": f"{category} {number}", "category": category, "slipped_in": words}
            orders.append(order)
    (folder / "orders.jsonl").write_text("".join(f"{json.dumps(order)}\n" for order in orders))
    return folder


def python(place: Path, code: str, *arguments: str) -> str:
    path = os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
        env={**os.environ, "PYTHONPATH": path, "HF_HOME": str(place / "hf"), "COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def commands(place: Path, *given: list[str]) -> list[tuple[int, str, str]]:
    last = python(place, RUN, json.dumps(given)).splitlines()[-1]
    return [(code, out, err) for code, out, err in json.loads(last)]


@pytest.fixture(scope="module")
def built(place: Path) -> Path:
    """A dataset folder that all four had a part in."""
    source = ["--source", "orders=orders.jsonl", "-O", "orders.drink=cocoa"]
    engine = ["--backend", "kettle", "-E", "strength=2", "--num-samples", "1"]
    how = ["--judge", "lies", "--eval-fraction", "0", "--near-duplicates", "0"]
    build = ["build", "out", *source, *engine, *how, "--journal", "journal"]
    again = [*build, "--overwrite", "--resume", "always"]
    ((first, shown, err), (second, _, other)) = commands(place, build, again)
    assert first == second, err + other
    # Whether the gates pass is not what this is about.
    assert first in (0, 1), err
    assert "strength           pass" in shown
    return place / "out"


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    (file,) = (folder / name).glob("*.parquet")
    found: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    return found


def test_they_are_listed_beside_the_librarys_own(place: Path) -> None:
    ((code, out, _),) = commands(place, ["sources"])
    assert code == 0
    assert "Orders for a kettle" in out
    assert "drink" in out
    assert "agentdojo" in out


def test_a_build_reads_samples_and_judges_with_them(built: Path) -> None:
    ds, dr = rows(built, "ds"), rows(built, "dr")
    said = {row["labels"]["harm_type"]: row["assistant_raw"] for row in ds}
    assert said["goal_met"] == "It is cold.<|eot_id|>"
    assert '"pour_out", "parameters": {"strength": 2}' in said["tool_flip"]
    assert len(ds) == 2 * 3
    assert len(dr) == len(GUESTS)
    assert all("make cocoa for" in str(row["messages"]) for row in [*ds, *dr])
    manifest = json.loads((built / "manifest.json").read_text())
    engine = {"backend": "kettle", "model": "kettle-1", "revision": "1"}
    assert manifest["engine"] == {**engine, "trust_remote_code": False}
    assert manifest["judge"] == "lies"
    assert manifest["inputs"][0]["source"] == "orders"


def test_the_gate_is_in_the_report_and_in_the_card(built: Path) -> None:
    results = json.loads((built / "gates.json").read_text())["results"]
    assert results["strength"]["value"] == 2
    assert results["strength"]["passed"] is True
    assert results["label_agreement"]["passed"] is True
    assert list(results)[:2] == ["format_validity", "harmful_rate"]
    card = (built / "README.md").read_text()
    assert "| strength | pass | 2 | 2 | The weakest of 9 is 2. |" in card
    assert "- judge: `lies`" in card


def test_gates_that_are_run_again_take_its_options_and_remember_the_judge(
    place: Path, built: Path
) -> None:
    strong, strange, high, other = commands(
        place,
        ["gate", str(built), "-G", "min_strength=3", "-G", "max_listed=2", "--json"],
        ["gate", str(built), "-G", "min_strenght=3"],
        ["gate", str(built), "-G", "min_strength=weak"],
        ["gate", str(built), "--judge", "pipeline", "--json"],
    )
    assert strong[0] == 1
    results = json.loads(strong[1])["results"]
    assert not results["strength"]["passed"]
    assert results["strength"]["failing_count"] == 9
    assert len(results["strength"]["failing"]) == 2
    assert results["harmful_rate"]["value"] == 1.0
    assert strange[0] == high[0] == 2
    assert "no option 'min_strenght', did you mean 'min_strength'?" in strange[2]
    assert "min_strength is 'weak'; it must be a whole number" in high[2]
    # Without it, nothing can be said of the rows with a goal in words.
    assert json.loads(other[1])["results"]["harmful_rate"]["details"]["goals_not_judged"] == 3


def test_an_evaluation_takes_engine_and_judge(place: Path) -> None:
    source = ["--source", "orders=orders.jsonl", "--backend", "kettle", "--judge", "lies"]
    build = ["build", "held", *source, "--eval-fraction", "1", "--near-duplicates", "0"]
    evaluate = ["evaluate", "held", "--backend", "kettle", "--judge", "lies", "--json"]
    unknown = ["evaluate", "held", "--backend", "kettle", "--judge", "truth"]
    _, (_, out, err), (code, _, sentence) = commands(place, build, evaluate, unknown)
    report = json.loads(out)
    assert report["model"]["backend"] == "kettle", err
    assert report["facts"]["judge"] == "lies"
    assert report["metrics"]["asr"]["value"] == 1.0
    assert code == 2
    assert "there is no judge 'truth' (known: lies, pipeline)" in sentence


def test_the_builders_take_source_and_engine(place: Path) -> None:
    code = """
from cb_datasets.builders import CircuitBreakerSet
builder = CircuitBreakerSet(
    "cache", sources={"orders": "orders.jsonl"}, backend="kettle",
    engine_options={"strength": 4}, source_options={"orders": {"drink": "cocoa"}},
    eval_fraction=0.0, num_samples=1, near_duplicates=None,
)
builder.download_and_prepare()
print([row["assistant_raw"] for row in builder.as_dataset(split="train")])
"""
    assert python(place, code).count('"pour_out", "parameters": {"strength": 4}') == 3


def test_ray_spreads_the_engine(place: Path) -> None:
    pytest.importorskip("ray")
    code = """
import cb_datasets as cb
from cb_datasets.engines import GenerationRequest, SamplingParams
engine = cb.load_engine("kettle", strength=3, distributed="ray", workers=1)
requests = [GenerationRequest(str(n), [0, 40 + n], n) for n in range(20)]
made = list(engine.generate(requests, SamplingParams()))
engine.close()
print(engine.name, len(made), {'"strength": 3' in generation.text for generation in made})
"""
    assert python(place, code).splitlines()[-1] == "kettle 20 {True}"


def test_one_that_is_broken_breaks_what_asks_for_it_and_nothing_else(
    place: Path, tmp_path: Path
) -> None:
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    groups = {"sources": "b1", "engines": "b2", "judges": "b3"}
    lines = [
        f"[cb_datasets.{group}]\n{name} = no_such_module:X\n" for group, name in groups.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    (tmp_path / "orders.jsonl").write_text((place / "orders.jsonl").read_text())
    shutil.copytree(place / "kettle", tmp_path / "kettle")
    shutil.copytree(place / "kettle-1.0.dist-info", tmp_path / "kettle-1.0.dist-info")
    told = commands(
        tmp_path,
        ["build", "--source", "orders=orders.jsonl", "--backend", "kettle", "--dry-run"],
        ["build", "--backend", "b2", "--dry-run"],
        ["build", "--judge", "b3", "--dry-run"],
        ["doctor"],
    )
    assert told[0][0] in (0, 1), told[0][2]
    assert told[1][0] == told[2][0] == 2
    assert "the entry point 'b2' of cb_datasets.engines cannot be loaded (ModuleNotF" in told[1][2]
    assert "the entry point 'b3' of cb_datasets.judges cannot be loaded (ModuleNotF" in told[2][2]
    assert told[3][0] == 1
    assert "the entry point 'b2' of cb_datasets.engines cannot be loaded" in told[3][1]
