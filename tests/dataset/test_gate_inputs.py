"""What a folder gives the gates by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cb_datasets.dataset.gate_inputs import gate_inputs
from cb_datasets.dataset.manifest import MANIFEST_NAME
from cb_datasets.models.tokenizer import load_tokenizer

COMMIT = "0" * 40


def test_the_tokenizer_that_a_folder_names_is_taken_from_the_local_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    dataset = tmp_path / "dataset"
    dataset.mkdir()
    manifest = {"tokenizer": {"name": "org/agent", "revision": COMMIT}}
    (dataset / MANIFEST_NAME).write_text(json.dumps(manifest))
    assert gate_inputs(dataset) == {}

    model = tmp_path / "hub" / "models--org--agent"
    load_tokenizer(None).save_pretrained(model / "snapshots" / COMMIT)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(COMMIT)
    found = gate_inputs(dataset)["tokenizer"]
    assert found.get_vocab() == load_tokenizer(None).get_vocab()
