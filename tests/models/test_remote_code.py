"""A model's own Python code: run where it was allowed, and then recorded; else never, unasked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import cb_datasets as cb
from cb_datasets.engines import load_engine, load_tokenizer
from cb_datasets.engines.transformers.engine import TransformersEngine
from cb_datasets.engines.vllm.engine import VLLMEngine
from cb_datasets.errors import EngineError
from cb_datasets.models.files import find_model
from cb_datasets.models.loading import is_small, load_model, place, read_config

MARK = "MODEL_CODE_RAN"
"""The environment variable with the file that the model's code writes."""

NOTE = "import os, pathlib\npathlib.Path(os.environ['MODEL_CODE_RAN']).write_text('ran')\n"
CODE = {
    "configuration_mine.py": NOTE
    + "from transformers import LlamaConfig\n"
    + "class MineConfig(LlamaConfig):\n    model_type = 'mine'\n",
    "modeling_mine.py": NOTE
    + "from transformers import LlamaForCausalLM\n"
    + "from .configuration_mine import MineConfig\n"
    + "class MineForCausalLM(LlamaForCausalLM):\n    config_class = MineConfig\n",
    "tokenization_mine.py": NOTE
    + "from transformers import PreTrainedTokenizerFast\n"
    + "class MineTokenizer(PreTrainedTokenizerFast):\n    pass\n",
}
NEEDED = "the model brings Python code of its own (auto_map), which is run only with"


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.fixture
def coded(own_folder: Path) -> Path:
    """A model whose config, weights and tokenizer each name a class of its own."""
    for name, text in CODE.items():
        (own_folder / name).write_text(text)
    named = {
        "AutoConfig": "configuration_mine.MineConfig",
        "AutoModelForCausalLM": "modeling_mine.MineForCausalLM",
    }
    edit(own_folder / "config.json", auto_map=named, model_type="mine")
    edit(
        own_folder / "tokenizer_config.json",
        auto_map={"AutoTokenizer": [None, "tokenization_mine.MineTokenizer"]},
        tokenizer_class="MineTokenizer",
    )
    return own_folder


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(MARK, str(tmp_path / "mark"))
    return tmp_path / "mark"


def python(code: str, *arguments: object, cache: Path) -> subprocess.CompletedProcess[str]:
    """A process of its own, which says yes to all that it is asked."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        input="y\n" * 20,
        capture_output=True,
        text=True,
        env={**os.environ, "HF_MODULES_CACHE": str(cache), "HF_HOME": str(cache)},
    )


def test_code_that_was_not_allowed_is_neither_run_nor_asked_about(
    coded: Path, mark: Path, tmp_path: Path
) -> None:
    code = """
import sys
import cb_datasets as cb
from cb_datasets.engines import load_tokenizer
from cb_datasets.errors import CBDatasetsError
sets = {"ds": cb.load_source("demo"), "dr": cb.load_source("demo")}
for load in (
    lambda: cb.load_engine("transformers", sys.argv[1]),
    lambda: cb.load_engine("server", sys.argv[1], base_url="http://127.0.0.1:9/v1"),
    lambda: load_tokenizer(sys.argv[1]),
    lambda: cb.probe(sets, sys.argv[1]),
    lambda: cb.FormatPrompt(sys.argv[1]),
):
    try:
        load()
    except CBDatasetsError as error:
        print(error)
"""
    done = python(code, coded, cache=tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert len(said) == 5
    assert all(f"{NEEDED} trust_remote_code." in line for line in said)
    assert not mark.exists()


def test_the_command_line_does_not_ask_either(coded: Path, mark: Path, tmp_path: Path) -> None:
    code = "import sys; from cb_datasets.cli.app import main; main()"
    given = ["build", tmp_path / "out", "--model", coded, "--num-samples", "1"]
    done = python(code, *given, cache=tmp_path / "cache")
    assert done.returncode == 2
    assert NEEDED in " ".join(done.stderr.split())
    assert done.stdout == ""
    assert not mark.exists()


def test_code_that_was_allowed_runs_and_goes_with_the_engine_to_workers(
    coded: Path, mark: Path, tmp_path: Path
) -> None:
    code = """
import json, pickle, sys
import cb_datasets as cb
from cb_datasets.engines import GenerationRequest, SamplingParams
from cb_datasets.engines.specification import engine_facts
engine = cb.load_engine("transformers", sys.argv[1], device="cpu", trust_remote_code=True)
received = pickle.loads(pickle.dumps(engine))
(made,) = received.generate([GenerationRequest("a", [0, 40], 0)], SamplingParams(max_new_tokens=4))
print(json.dumps([type(received._model).__name__, made.finish_reason, engine_facts(received)]))
"""
    done = python(code, coded, cache=tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    model, finish, facts = json.loads(done.stdout.splitlines()[-1])
    assert model == "MineForCausalLM"
    assert finish != "error"
    assert facts["trust_remote_code"] is True
    assert mark.read_text() == "ran"


def test_a_model_that_transformers_knows_is_loaded_without_the_code_beside_it(
    coded: Path, mark: Path
) -> None:
    edit(coded / "config.json", model_type="llama")
    edit(coded / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")
    files = find_model(coded)
    assert is_small(files)
    model = load_model(files, place(files, dtype="auto", device="cpu", quantization=None))
    assert type(model).__module__.startswith("transformers.")
    assert type(read_config(files)).__module__.startswith("transformers.")
    assert type(load_tokenizer(coded)).__module__.startswith("transformers.")
    assert not mark.exists()


def test_code_counts_in_the_revision_where_it_may_run(coded: Path) -> None:
    plain, trusted = find_model(coded), find_model(coded, trust_remote_code=True)
    before = plain.revision(), trusted.revision()
    (coded / "modeling_mine.py").write_text("changed = True\n")
    assert plain.revision() == before[0]
    assert trusted.revision() != before[1]


def test_code_of_another_repository_is_never_run(coded: Path, mark: Path) -> None:
    edit(coded / "config.json", auto_map={"AutoConfig": "org/other--configuration_mine.MineConfig"})
    with pytest.raises(EngineError, match=r"another repository \('org/other'\), which is not run"):
        load_engine("transformers", coded, trust_remote_code=True)
    assert not mark.exists()


def test_vllm_is_allowed_it_by_the_same_option_only(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    with pytest.raises(EngineError, match="trust_remote_code is an option of its own"):
        VLLMEngine(model_folder, engine_args={"trust_remote_code": True})
    assert VLLMEngine(model_folder, trust_remote_code=True).trust_remote_code


def test_a_dataset_says_whether_its_generators_code_was_allowed(model_folder: Path) -> None:
    scenarios = cb.load_source("demo").select(range(2))
    recorded = {}
    for trusted in (False, True):
        engine = TransformersEngine(model_folder, device="cpu", trust_remote_code=trusted)
        sets = cb.build_sets(scenarios, engine, num_samples=1, max_new_tokens=4)
        recorded[trusted] = sets.facts["engine"]["trust_remote_code"]
    assert recorded == {False: False, True: True}
