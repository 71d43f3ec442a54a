"""The command line as a person uses it: exit codes, one sentence, nothing half-written."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from cb_datasets.extras import install_command
from tests.cli.command import exit_code, run

EXTRAS = metadata.metadata("cb_datasets").get_all("Provides-Extra", [])


@pytest.fixture(scope="module")
def folder(demo_samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo suite, one sample a scenario, built by the command itself."""
    target = tmp_path_factory.mktemp("built") / "demo"
    options = ["--num-samples", "1", "--journal", str(demo_samples)]
    assert exit_code("build", str(target), *options) == 0
    return target


def test_the_demo_build_passes_its_gates(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "gate", str(folder))
    assert code == 0
    # All but positive_control, which needs an evaluation.
    assert out.count(" pass ") == 12
    assert "FAIL" not in out


def test_gate_as_json_and_from_exported_rows(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    import cb_datasets as cb
    from cb_datasets.dataset import read_folder

    sets = read_folder(folder)
    for name in ("ds", "dr"):
        cb.export_jsonl(sets[name], tmp_path / f"{name}.jsonl")
    files = [f"--{name}={tmp_path / f'{name}.jsonl'}" for name in ("ds", "dr")]
    code, out, _ = run(capsys, "gate", *files, "--json")
    assert code == 0
    assert json.loads(out)["passed"] is True


def test_a_debug_label_in_one_row_fails_the_gate_with_exit_code_1(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import cb_datasets as cb
    from cb_datasets.dataset import read_folder

    rows = list(read_folder(folder)["ds"])
    rows[0]["assistant_raw"] = "[TOOL_CALL] search_web"
    cb.export_jsonl(rows, tmp_path / "ds.jsonl")
    code, out, _ = run(capsys, "gate", f"--ds={tmp_path / 'ds.jsonl'}")
    assert code == 1
    assert rows[0]["id"] in out


def test_preview_shows_special_tokens(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "preview", str(folder), "-n", "1")
    assert code == 0
    assert "<|python_tag|>" in out
    assert "<|eom_id|>" in out


def test_sources_names_every_source(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "sources")
    assert code == 0
    assert "agentdojo" in out
    assert "demo" in out


def test_doctor_runs_the_bundled_agent(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "doctor")
    assert code == 0
    assert "bundled tiny agent: runs" in out


def test_doctor_says_how_to_get_an_extra(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cb_datasets.cli.doctor._version", lambda name: None)
    code, out, _ = run(capsys, "doctor")
    assert code == 1
    # What vLLM is missing, its backend says itself.
    for extra in {*EXTRAS} - {"vllm", "dev"}:
        assert f": {install_command(extra)}\n" in out


def test_the_readme_names_every_extra() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert {extra for extra in EXTRAS if f"`{extra}`" not in readme} <= {"dev"}


def test_dry_run_writes_nothing(
    demo_samples: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--num-samples", "1", "--journal", str(demo_samples)]
    code, out, _ = run(capsys, "build", "--dry-run", *options)
    assert code == 0
    assert "nothing was written" in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--source", "agentdoyo=x"], "there is no source 'agentdoyo', did you mean 'agentdojo'?"),
        (["--source", "agentdojo=nowhere"], "nowhere: there is no such file or folder"),
        (["--source", "agentdojo"], "needs data_files"),
        (["--source", "agentdojo="], "a path was expected behind the ="),
        (["--model", "no/such/model/folder"], "no/such/model/folder"),
        (["--backend", "tensorflow"], "there is no backend 'tensorflow'"),
        (["--output", "elsewhere"], "the output is given twice"),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, "build", "out", *arguments)
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_flag_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "build", "--no-such-flag")
    assert code == 2
    assert "--no-such-flag" in err


def test_a_folder_that_exists_is_refused_before_any_work(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_source(*given: object) -> None:
        pytest.fail("a source was read")

    monkeypatch.setattr("cb_datasets.sources.read_source", read_source)
    code, _, err = run(capsys, "build", str(folder))
    assert code == 2
    assert "--overwrite" in err


def test_help_and_lists_load_nothing_heavy() -> None:
    code = """
import sys
from typer.testing import CliRunner
from cb_datasets.cli.app import app
commands = [command.name or command.callback.__name__ for command in app.registered_commands]
for arguments in [["--help"], ["sources"], *([command, "--help"] for command in commands)]:
    assert CliRunner().invoke(app, arguments).exit_code == 0, arguments
print({"torch", "transformers", "datasets", "vllm", "ray"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
