"""Configs: what is predefined, what is said about a set, and wrong input in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cb_datasets as cb
from cb_datasets.builders import CircuitBreakerEval, CircuitBreakerSet, RetainSet, SetConfig
from cb_datasets.builders.config import make_config
from cb_datasets.errors import BuildError, CBDatasetsError, EngineError, SourceError


@pytest.mark.parametrize("kind", [CircuitBreakerSet, RetainSet, CircuitBreakerEval])
def test_each_source_is_a_config_and_demo_is_the_default(kind: Any):
    assert {*cb.list_sources(), "custom"} == set(kind.builder_configs)
    assert kind.DEFAULT_CONFIG_NAME == "demo"
    assert str(kind.VERSION) == cb.__version__
    demo = kind.builder_configs["demo"]
    assert (demo.backend, demo.model, demo.sources) == ("transformers", None, (("demo", None),))


@pytest.mark.parametrize(
    ("sources", "pairs"),
    [
        ("demo", (("demo", None),)),
        (["demo"], (("demo", None),)),
        ({"agentdojo": "a.jsonl", "demo": None}, (("agentdojo", ("a.jsonl",)), ("demo", None))),
        ((("agentdojo", [Path("a"), "b"]),), (("agentdojo", ("a", "b")),)),
    ],
)
def test_sources_may_be_named_in_the_ways_people_do(sources: Any, pairs: Any):
    config = make_config(None, None, {"sources": sources})
    assert (config.name, config.sources) == ("custom", pairs)


def test_data_files_are_those_of_the_one_source_that_reads_files():
    config = make_config("agentdojo", Path("traces"), {})
    assert config.sources == (("agentdojo", ("traces",)),)
    mixed = make_config(None, ["a", "b"], {"sources": ["demo", "agentdojo"]})
    assert mixed.sources == (("demo", None), ("agentdojo", ("a", "b")))


def test_a_model_means_an_engine():
    assert make_config("agentdojo", "a", {}).backend is None
    assert make_config("agentdojo", "a", {"model": "org/model"}).backend == "transformers"


@pytest.mark.parametrize(
    ("arguments", "kind", "sentence"),
    [
        (
            {"num_sample": 3},
            BuildError,
            "no option 'num_sample', did you mean 'num_samples'?",
        ),
        ({"name": "x"}, BuildError, "no option 'name'"),
        (
            {"config_name": "agentdoyo"},
            BuildError,
            "no config 'agentdoyo', did you mean 'agentdojo'",
        ),
        ({"config_name": "agentdojo"}, SourceError, "'agentdojo' needs data_files: a file, folder"),
        ({"sources": "agentdojo"}, SourceError, "'agentdojo' needs data_files"),
        ({"config_name": "custom"}, SourceError, "'custom' needs sources"),
        ({"sources": "agentdoyo"}, SourceError, "no source 'agentdoyo', did you mean 'agentdojo'"),
        ({"sources": [("demo", None, 3)]}, BuildError, "it must be names, or a mapping"),
        ({"sources": 3}, BuildError, "sources is 3; it must be names, or a mapping"),
        ({"source_options": 3}, BuildError, "it must be a mapping such as {'tau2'"),
        ({"engine_options": [3]}, BuildError, "it must be a mapping of options to values"),
        (
            {"sources": {"demo": "a.jsonl"}},
            SourceError,
            "'demo' is built in and takes no data_files",
        ),
        ({"data_files": "a.jsonl"}, SourceError, "none of this config's sources read files"),
        ({"config_name": "agentdojo", "data_files": 3}, SourceError, "holds 3, expected a path"),
        ({"config_name": "agentdojo", "data_files": {"train": "a"}}, SourceError, "is a mapping"),
        (
            {"config_name": "agentdojo", "data_files": "no/such"},
            SourceError,
            "no such file or folder",
        ),
        ({"num_samples": "five"}, BuildError, "num_samples is 'five'; it must be a whole number"),
        ({"num_samples": True}, BuildError, "num_samples is True; it must be a whole number"),
        ({"temperature": "hot"}, BuildError, "temperature is 'hot'; it must be a number"),
        ({"redact_harmful_prompt": 1}, BuildError, "it must be true or false"),
        ({"tokenizer": 3}, BuildError, "tokenizer is 3; it must be text"),
        ({"num_samples": 0}, BuildError, "num_samples is 0; it must be 1 or more"),
        ({"num_shards": 0}, BuildError, "num_shards is 0; it must be 1 or more"),
        ({"eval_fraction": 2}, BuildError, "eval_fraction is 2; it must be between 0 and 1"),
        ({"temperature": -1}, BuildError, "temperature is -1; it must be 0 or more"),
        ({"max_samples": 4}, BuildError, "max_samples needs min_successes"),
        ({"backend": "tensorflow"}, EngineError, "there is no backend 'tensorflow'"),
        ({"model": "no/such/folder"}, EngineError, "There is no model folder"),
    ],
)
def test_wrong_input_is_told_in_one_sentence(
    arguments: dict[str, Any], kind: type[CBDatasetsError], sentence: str, tmp_path: Path
):
    with pytest.raises(kind) as told:
        CircuitBreakerSet(tmp_path / "cache", **arguments)
    assert sentence in str(told.value)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "cache").exists()


def test_info_says_what_the_set_is_also_when_it_comes_from_the_cache(
    write_traces: Callable[..., Path], llama_folder: Path, tmp_path: Path
):
    for _ in range(2):
        builder = RetainSet(
            tmp_path, "agentdojo", data_files=write_traces(1), tokenizer=str(llama_folder)
        )
        builder.download_and_prepare()
        info = builder.info
        assert info.description.startswith("Dr, the retain set")
        assert "AgentDojo runs" in info.description
        assert "recorded completions" in info.description
        assert "arXiv:2406.04313" in info.citation
        assert "arXiv:2406.13352" in info.citation
        assert info.license.startswith("agentdojo: ")
        assert str(info.version) == cb.__version__
        assert info.config_name == "agentdojo"


def test_cache_folders_tell_set_config_and_version(
    write_traces: Callable[..., Path], llama_folder: Path, tmp_path: Path
):
    builder = CircuitBreakerEval(
        tmp_path, "agentdojo", data_files=write_traces(1), tokenizer=str(llama_folder)
    )
    name, config, version, key = Path(builder.cache_dir).relative_to(tmp_path).parts
    assert (name, config.split("-")[0]) == ("circuit_breaker_eval", "agentdojo")
    assert version == cb.__version__
    assert key == builder.hash


def test_predefined_configs_are_left_as_they_are(
    write_traces: Callable[..., Path], llama_folder: Path, tmp_path: Path
):
    before = SetConfig(**vars(CircuitBreakerSet.builder_configs["agentdojo"]))
    CircuitBreakerSet(
        tmp_path, "agentdojo", data_files=write_traces(1), tokenizer=str(llama_folder), seed=3
    )
    assert CircuitBreakerSet.builder_configs["agentdojo"] == before
