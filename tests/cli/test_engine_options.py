"""The options of engines mean the same to every command that samples a model."""

from __future__ import annotations

from pathlib import Path

import pytest

import cb_datasets as cb
from cb_datasets.cli.engine_options import EngineOptions
from cb_datasets.engines.backend import BACKENDS
from cb_datasets.options import options_of
from tests.cli.command import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recorded completions only: a folder that takes no model to build."""
    target = tmp_path_factory.mktemp("built") / "demo"
    scenarios = cb.load_source("demo").select(range(6))
    cb.build_sets(scenarios, eval_fraction=1.0).save(target)
    return target


@pytest.mark.parametrize("command", ["build", "evaluate"])
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["-E", "no_such=1"], "the transformers backend has no option 'no_such'"),
        (["-E", "batch_size"], "--engine-option batch_size: expected OPTION=VALUE"),
        (["-E", "batch_size=2", "--batch-size", "3"], "batch_size is given twice"),
        (["--adapter", "a"], "the transformers backend has no option 'adapter'"),
        (["--tensor-parallel-size", "2"], "backend has no option 'tensor_parallel_size'"),
        (["--batch-size", "0"], "batch_size is 0; it must be 1 or more"),
        (
            ["--backend", "server", "--base-url", "http://127.0.0.1:9/v1", "-E", "retries=0"],
            "The server at http://127.0.0.1:9/v1 cannot be used",
        ),
    ],
)
def test_engine_options_that_mean_nothing_are_one_sentence_and_exit_code_2(
    command: str,
    options: list[str],
    sentence: str,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = [str(tmp_path / "out")] if command == "build" else [str(folder)]
    code, _, err = run(capsys, command, *target, *options)
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1


def test_what_a_backend_declares_is_a_flag_unless_it_says_that_it_is_none() -> None:
    flags = options_of(EngineOptions)
    for backend in BACKENDS.built_in.values():
        for name, found in options_of(backend.options).items():
            assert (name in flags) == (found.option.flag is not None)
    assert not {"token", "api_key"} & set(flags)


def test_the_defended_model_may_be_the_same_one_with_an_adapter(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "evaluate", str(folder), "--compare-adapter", "no/such/adapter")
    assert code == 2
    assert "no option 'adapter'" in err
