"""An engine is its specification: it pickles without its model and hashes alike everywhere."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from datasets.fingerprint import Hasher
from safetensors.torch import load_file, save_file

from cb_datasets.assets import TINY_AGENT_NAME, tiny_agent_path
from cb_datasets.engines import (
    GenerationRequest,
    SamplingParams,
    in_order,
    specification,
)
from cb_datasets.engines.transformers.engine import TransformersEngine
from cb_datasets.errors import EngineError
from cb_datasets.models import content
from cb_datasets.models import files as model_files
from cb_datasets.models.content import content_hash
from cb_datasets.models.files import content_revision, find_model

REQUESTS = [GenerationRequest(str(i), [0, 40], i) for i in range(4)]
SAMPLING = SamplingParams(max_new_tokens=6)


def facts(engine: TransformersEngine) -> list[str]:
    return [engine.fingerprint(), Hasher.hash(engine), engine.revision]


def test_loading_and_pickling_change_no_hash(model_folder: Path) -> None:
    engine = TransformersEngine(model_folder, device="cpu")
    before, size = facts(engine), len(pickle.dumps(engine))
    sampled = in_order(REQUESTS, engine.generate(REQUESTS, SAMPLING))
    assert facts(engine) == before
    assert len(pickle.dumps(engine)) == size < 2000
    copy = pickle.loads(pickle.dumps(engine))
    assert "_model" not in copy.__dict__
    assert facts(copy) == before
    assert in_order(REQUESTS, copy.generate(REQUESTS, SAMPLING)) == sampled


def test_another_process_computes_the_same_hashes_and_samples(
    engine: TransformersEngine, model_folder: Path
) -> None:
    code = """
import json, pickle, sys
from datasets.fingerprint import Hasher
from cb_datasets.engines import GenerationRequest, SamplingParams, in_order, load_engine
fresh = load_engine("transformers", sys.argv[1], device="cpu")
received = pickle.loads(bytes.fromhex(sys.argv[2]))
requests = [GenerationRequest(str(i), [0, 40], i) for i in range(4)]
ids = [g.token_ids for g in received.generate(requests, SamplingParams(max_new_tokens=6))]
facts = [[e.fingerprint(), Hasher.hash(e), e.revision] for e in (fresh, received)]
print(json.dumps([*facts, ids]))
"""
    arguments = [str(model_folder), pickle.dumps(engine).hex()]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    fresh, received, ids = json.loads(done.stdout.splitlines()[-1])
    assert fresh == received == facts(engine)
    assert ids == [g.token_ids for g in engine.generate(REQUESTS, SAMPLING)]


class Complete:
    """As small a `map` callable as holds an engine."""

    def __init__(self, engine: TransformersEngine) -> None:
        self.engine = engine

    def __call__(self, rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
        requests = [GenerationRequest(str(i), [0, 40 + i], i) for i in rows["i"]]
        return {"ids": [g.token_ids for g in self.engine.generate(requests, SAMPLING)]}


def test_map_over_an_engine_is_cached_and_runs_in_workers(
    model_folder: Path, tmp_path: Path
) -> None:
    Dataset.from_dict({"i": list(range(8))}).to_parquet(tmp_path / "rows.parquet")
    rows = Dataset.from_parquet(str(tmp_path / "rows.parquet"), cache_dir=str(tmp_path / "cache"))
    step = Complete(TransformersEngine(model_folder, device="cpu"))
    first = rows.map(step, batched=True, batch_size=3)
    again = rows.map(step, batched=True, batch_size=3)
    assert first.cache_files == again.cache_files
    parallel = rows.map(step, batched=True, batch_size=2, num_proc=2)
    assert parallel["ids"] == first["ids"]


def test_options_that_change_the_output_change_the_fingerprint(model_folder: Path) -> None:
    plain = TransformersEngine(model_folder, device="cpu").fingerprint()
    assert TransformersEngine(model_folder, device="cpu", batch_size=3).fingerprint() == plain
    assert TransformersEngine(model_folder, device="cpu", dtype="float32").fingerprint() != plain


def test_changed_weights_are_another_model(own_folder: Path) -> None:
    engine = TransformersEngine(own_folder, device="cpu")
    before, received = facts(engine), pickle.loads(pickle.dumps(engine))
    weights = load_file(own_folder / "model.safetensors")
    weights["lm_head.weight"][5] += 1e-3
    save_file(weights, own_folder / "model.safetensors", metadata={"format": "pt"})
    after = facts(TransformersEngine(own_folder, device="cpu"))
    assert all(a != b for a, b in zip(before, after, strict=True))
    with pytest.raises(EngineError, match=r"^The model folder 'my-llama' has changed since"):
        received.generate(REQUESTS, SAMPLING)


def test_one_weight_of_any_tensor_makes_another_model(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As of a model of many gigabytes: in blocks, remembered.
    monkeypatch.setattr(content, "BLOCK", 2**14)
    monkeypatch.setattr(content, "LARGE", 0)
    monkeypatch.setattr(content, "SETTLED_SECONDS", -1.0)
    file = own_folder / "model.safetensors"
    weights = load_file(file)
    seen = {content_revision(own_folder)}
    for name in weights:
        changed = {**weights, name: weights[name].clone()}
        changed[name].view(-1)[-1] += 1e-3
        save_file(changed, file, metadata={"format": "pt"})
        seen.add(content_revision(own_folder))
    assert len(seen) == 1 + len(weights) > 10
    save_file(weights, file, metadata={"format": "pt"})
    assert content_revision(own_folder) in seen


def test_the_hash_of_a_large_file_is_paid_once_until_the_file_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "LARGE", 10)
    monkeypatch.setattr(content, "SETTLED_SECONDS", -1.0)
    paid = []
    hashed = content._hashed
    monkeypatch.setattr(content, "_hashed", lambda *given: paid.append(1) or hashed(*given))
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"some weights")
    first = content_hash(file)
    assert content_hash(file) == first
    assert len(paid) == 1
    # Of the same size and time, in the same place, and another file.
    state = file.stat()
    other = tmp_path / "other"
    other.write_bytes(b"SOME WEIGHTS")
    os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
    other.replace(file)
    assert content_hash(file) != first
    assert len(paid) == 2
    # What has only just been written is not trusted to stay.
    monkeypatch.setattr(content, "SETTLED_SECONDS", 60.0)
    file.write_bytes(b"more weights")
    assert content_hash(file) == content_hash(file)
    assert len(paid) == 4


def test_what_is_not_the_model_does_not_change_its_revision(own_folder: Path) -> None:
    before = content_revision(own_folder)
    assert before.startswith("sha256:")
    assert len(before) == len("sha256:") + 16
    (own_folder / "README.md").write_text("a card")
    assert content_revision(own_folder) == before
    moved = own_folder.rename(own_folder.with_name("moved"))
    assert content_revision(moved) == before


def test_records_name_no_machine_path(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert TransformersEngine(model_folder).model == "random-llama"
    monkeypatch.chdir(model_folder)
    assert TransformersEngine(".").model == "random-llama"
    monkeypatch.setattr(model_files, "tiny_agent_path", lambda: model_folder.resolve())
    for asked in (None, TINY_AGENT_NAME, model_folder):
        assert TransformersEngine(asked).model == TINY_AGENT_NAME
    assert tiny_agent_path().parent.name == "assets"


def test_a_hub_token_is_never_pickled(model_folder: Path) -> None:
    engine = TransformersEngine(model_folder, device="cpu", token="hf_secret")
    assert b"hf_secret" not in pickle.dumps(engine)
    assert facts(engine) == facts(TransformersEngine(model_folder, device="cpu"))


def test_engines_pickled_by_other_code_are_refused(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pickled = pickle.dumps(engine)
    version = specification.engine_code("transformers")
    monkeypatch.setattr(specification, "engine_code", lambda wing: "999")
    with pytest.raises(EngineError, match=rf"pickled by other code \(version {version}\)"):
        pickle.loads(pickled)


def test_importing_the_engines_and_listing_the_backends_loads_no_torch() -> None:
    code = (
        "import sys, cb_datasets.engines as e, cb_datasets.assets;"
        "assert [e.find_backend(name).name for name in e.list_backends()] == "
        "['server', 'transformers', 'vllm'];"
        "assert not {'torch', 'transformers', 'datasets', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_model_files_know_a_shard_without_its_siblings(own_folder: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-2.safetensors"}}
    (own_folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (own_folder / "model.safetensors").rename(own_folder / "model-00001-of-00002.safetensors")
    with pytest.raises(EngineError, match="has no weights"):
        find_model(own_folder)
