"""What cannot work is said in one sentence, before any long work."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from cb_datasets.engines import GenerationRequest, SamplingParams, load_engine, load_tokenizer
from cb_datasets.errors import EngineError
from cb_datasets.extras import install_command
from cb_datasets.formats.llama31 import LLAMA31
from tests.fixtures.random_llama import TEMPLATE

WriteTokenizer = Callable[..., None]


def sentence(call: Callable[[], object]) -> str:
    with pytest.raises(EngineError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    return text


def refused(model: Path | str | None, **options: object) -> str:
    return sentence(lambda: load_engine("transformers", model, **options))


def test_backend_and_options_that_do_not_exist(model_folder: Path) -> None:
    unknown = sentence(lambda: load_engine("jax", model_folder))
    assert unknown == "there is no backend 'jax' (known: server, transformers, vllm)"
    text = refused(model_folder, colour="red")
    assert text.startswith("the transformers backend has no option 'colour' (known: revision, ")
    assert "dtype is 'int3'; it must be one of auto, float64" in refused(model_folder, dtype="int3")
    assert "batch_size is 0; it must be 1 or more" in refused(model_folder, batch_size=0)
    assert "did you mean 'batch_size'?" in refused(model_folder, batchsize=1)
    assert "Only one of" in refused(model_folder, load_in_8bit=True, load_in_4bit=True)
    assert "only a Hub model takes a revision" in refused(model_folder, revision="v1")


def test_path_that_is_no_model_folder(own_folder: Path, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    assert refused(missing) == f"There is no model folder '{missing}'."
    assert "is a file; the model's folder" in refused(own_folder / "config.json")
    assert refused("./missing/model") == "There is no model folder './missing/model'."
    assert sentence(lambda: load_tokenizer(missing)) == f"There is no model folder '{missing}'."


def test_folder_without_config_weights_or_tokenizer(own_folder: Path) -> None:
    def without(name: str) -> str:
        (own_folder / name).rename(own_folder / "away")
        try:
            return refused(own_folder)
        finally:
            (own_folder / "away").rename(own_folder / name)

    assert without("config.json").endswith("has no config.json.")
    assert "has no weights (model.safetensors" in without("model.safetensors")
    assert without("tokenizer.json").endswith("has no tokenizer (tokenizer.json).")
    (own_folder / "config.json").write_text("{")
    assert refused(own_folder).endswith("has a config.json that is not JSON.")
    deep = "[" * 100_000 + "]" * 100_000
    (own_folder / "config.json").write_text(f'{{"model_type": "llama", "x": {deep}}}')
    assert refused(own_folder).endswith("has a config.json that nests too deeply.")
    (own_folder / "config.json").write_text("[1]")
    assert refused(own_folder).endswith("has a config.json that is no JSON object.")
    (own_folder / "config.json").write_text('{"model_type": "llama", "hidden_size": "many"}')
    assert "Field 'hidden_size' expected int" in refused(own_folder)
    (own_folder / "config.json").write_text('{"model_type": "no-such-architecture"}')
    assert refused(own_folder).startswith("The config of 'my-llama' cannot be read")


@pytest.mark.parametrize("depth", [300, 500, 900])
def test_a_config_that_only_json_reads_so_deep_is_a_model_or_a_sentence(
    own_folder: Path, depth: int
) -> None:
    nested: list[Any] = []
    for _ in range(depth):
        nested = [nested]
    config = json.loads((own_folder / "config.json").read_text())
    (own_folder / "config.json").write_text(json.dumps({**config, "x": nested}))
    with suppress(EngineError):
        engine = load_engine("transformers", own_folder, device="cpu")
        list(engine.generate([GenerationRequest("a", [0, 40], 0)], SamplingParams()))


def test_tokenizer_of_another_format(own_folder: Path, write_tokenizer: WriteTokenizer) -> None:
    (own_folder / "chat_template.jinja").unlink()
    write_tokenizer(own_folder, template=None)
    assert "has no chat template" in refused(own_folder)
    assert "has no chat template" in sentence(lambda: load_tokenizer(own_folder))
    write_tokenizer(own_folder, specials=["<|begin_of_text|>", "<|eot_id|>", "<|end_of_text|>"])
    assert refused(own_folder) == (
        "The model 'my-llama' cannot be used: the tokenizer lacks special tokens of the Llama 3.1 "
        "format: <|start_header_id|>, <|end_header_id|>, <|eom_id|>, <|python_tag|>."
    )
    (own_folder / "tokenizer.json").write_text("{}")
    assert refused(own_folder).startswith("The tokenizer of 'my-llama' cannot be loaded (")


@pytest.mark.parametrize("backend", ["transformers", "server"])
def test_a_template_of_another_format_is_refused_before_anything_is_sampled(
    backend: str, own_folder: Path, write_tokenizer: WriteTokenizer
) -> None:
    write_tokenizer(own_folder, template=TEMPLATE.replace("if loop.first and tools", "if false"))
    options = {"base_url": "http://127.0.0.1:9/v1"} if backend == "server" else {}
    assert sentence(lambda: load_engine(backend, own_folder, **options)) == (
        "The model 'my-llama' cannot be used: the chat template does not write the Llama 3.1 "
        "format: the tools on offer do not stand in the prompt."
    )


def test_tokens_that_are_in_the_vocabulary_but_not_special_do_not_count(
    own_folder: Path,
) -> None:
    path = own_folder / "tokenizer.json"
    data = json.loads(path.read_text())
    for token in data["added_tokens"]:
        token["special"] = token["content"] not in LLAMA31.needs[4:]
    path.write_text(json.dumps(data))
    assert refused(own_folder).endswith("the Llama 3.1 format: <|eom_id|>, <|python_tag|>.")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_device_that_is_not_there(model_folder: Path) -> None:
    assert "sees no CUDA device" in refused(model_folder, device="cuda")
    assert "There is no device 'tpu9000'" in refused(model_folder, device="tpu9000")


def test_quantisation_without_bitsandbytes_names_the_extra(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert install_command("quant") in refused(model_folder, load_in_4bit=True)


def test_vllm_that_is_not_installed_names_the_extra(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    text = sentence(lambda: load_engine("vllm", model_folder))
    assert install_command("vllm") in text


def test_weights_that_are_broken_or_do_not_fit(own_folder: Path) -> None:
    def loading() -> str:
        engine = load_engine("transformers", own_folder, device="cpu")
        request = GenerationRequest("a", [0, 40], 0)
        return sentence(lambda: engine.generate([request], SamplingParams()))

    path = own_folder / "model.safetensors"
    weights = load_file(path)
    fewer = {k: v for k, v in weights.items() if "layers.1.mlp" not in k}
    save_file(fewer, path, metadata={"format": "pt"})
    assert loading().endswith(
        "do not fit its config: model.layers.1.mlp.down_proj.weight, "
        "model.layers.1.mlp.gate_proj.weight, model.layers.1.mlp.up_proj.weight are missing "
        "or have another shape."
    )
    wrong = {k: v[:-1].clone() if k == "lm_head.weight" else v for k, v in weights.items()}
    save_file(wrong, path, metadata={"format": "pt"})
    assert "my-llama" in loading()
    path.write_bytes(path.read_bytes()[:100])
    assert loading().startswith("The model 'my-llama' cannot be loaded (")


@pytest.mark.parametrize(
    "setting", [{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}]
)
def test_hub_model_without_network(tmp_path: Path, setting: dict[str, str]) -> None:
    code = """
from cb_datasets.engines import load_engine
from cb_datasets.extras import install_command
from cb_datasets.errors import EngineError
try:
    load_engine("transformers", "nobody/no-model", revision="v1", token="hf_secret")
except EngineError as error:
    print(error)
"""
    environment = {**os.environ, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path), **setting}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == (
        "'nobody/no-model' is no local folder, and as a Hub model at revision 'v1' it is not in "
        "the local cache and the Hub cannot be reached."
    )
    assert "hf_secret" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"temperature": -0.1}, "temperature is -0.1; it must be 0 or more"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"top_p": 0.0}, "top_p is 0.0; it must be above 0 and 1 at most"),
        ({"top_k": -1}, "top_k is -1"),
        ({"max_new_tokens": 0}, "max_new_tokens is 0; it must be 1 or more"),
    ],
)
def test_sampling_options_out_of_range(values: dict[str, float], said: str) -> None:
    with pytest.raises(EngineError, match=re.escape(said)):
        SamplingParams(**values)
