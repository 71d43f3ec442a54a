"""Fingerprints: the same for the same configuration, in every process; the cache lives on it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from datasets.fingerprint import Hasher
from transformers import AutoTokenizer, PreTrainedTokenizerBase

import cb_datasets as cb
from cb_datasets.engines.protocol import Engine
from cb_datasets.judge import Judgement

MAKE = """
import sys
import cb_datasets as cb
from transformers import AutoTokenizer
folder = sys.argv[1]
engine = cb.load_engine("transformers", folder)
transforms = {
    "format": cb.FormatPrompt(AutoTokenizer.from_pretrained(folder)),
    "generate": cb.BatchGenerate(engine, num_samples=2, max_new_tokens=4, timestamp="2026"),
    "parse": cb.ParseToolCalls(),
    "label": cb.LabelOutcome(),
}
"""
SHOW = """
from datasets.fingerprint import Hasher
print(*(Hasher.hash(transform) for transform in transforms.values()))
"""


def make(folder: Path) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    exec(MAKE.replace("sys.argv[1]", repr(str(folder))), scope)
    return scope["transforms"]


def hashes(transforms: dict[str, Any]) -> list[str]:
    return [Hasher.hash(transform) for transform in transforms.values()]


def test_the_hash_is_the_same_before_and_after_use_and_after_pickling(
    llama_folder: Path, scenarios: Dataset
):
    transforms = make(llama_folder)
    before = hashes(transforms)
    dataset = scenarios
    for transform in transforms.values():
        dataset = dataset.map(transform, batched=True)
    assert hashes(transforms) == before
    again = {name: pickle.loads(pickle.dumps(t)) for name, t in transforms.items()}
    assert hashes(again) == before
    assert hashes(make(llama_folder)) == before


def test_the_hash_is_the_same_in_another_process(llama_folder: Path):
    shown = subprocess.run(
        [sys.executable, "-c", MAKE + SHOW, str(llama_folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.split() == hashes(make(llama_folder))


def test_a_tokenizer_that_was_used_is_the_same_tokenizer(llama_folder: Path):
    tokenizer = AutoTokenizer.from_pretrained(llama_folder)
    before = Hasher.hash(cb.FormatPrompt(tokenizer))
    tokenizer(["a", "b c d"], padding=True, truncation=True, max_length=2)
    assert Hasher.hash(cb.FormatPrompt(tokenizer)) == before


def always_refusal(parsed: Any, **given: Any) -> Judgement:
    return Judgement("refusal", "always")


@pytest.fixture(scope="module")
def engine(llama_folder: Path) -> Engine:
    return cb.load_engine("transformers", str(llama_folder))


@pytest.mark.parametrize(
    "changed",
    [
        {"temperature": 0.8},
        {"seed": 1},
        {"num_samples": 4},
        {"top_p": 0.9},
        {"top_k": 5},
        {"max_new_tokens": 9},
        {"timestamp": "2027"},
    ],
)
def test_each_sampling_option_changes_the_hash(engine: Engine, changed: dict[str, Any]):
    options = {"num_samples": 5, "timestamp": "2026", **changed}
    plain = Hasher.hash(cb.BatchGenerate(engine, timestamp="2026"))
    assert Hasher.hash(cb.BatchGenerate(engine, **options)) != plain


def test_engine_template_date_and_judge_change_the_hash(
    engine: Engine, llama_tokenizer: PreTrainedTokenizerBase
):
    import copy

    other = copy.deepcopy(llama_tokenizer)
    other.chat_template = llama_tokenizer.chat_template + "{# another #}"
    found = [
        cb.FormatPrompt(llama_tokenizer),
        cb.FormatPrompt(other),
        cb.FormatPrompt(llama_tokenizer, date_string="01 Jan 2026"),
        cb.FormatPrompt(llama_tokenizer, allow_control_tokens=True),
        cb.BatchGenerate(engine),
        cb.BatchGenerate(None),
        cb.LabelOutcome(),
        cb.LabelOutcome(always_refusal),
    ]
    assert len({Hasher.hash(transform) for transform in found}) == len(found)


def test_changed_code_changes_the_hash(monkeypatch: pytest.MonkeyPatch):
    before = Hasher.hash(cb.ParseToolCalls())
    monkeypatch.setattr(cb.ParseToolCalls, "version", lambda self: "another")
    assert Hasher.hash(cb.ParseToolCalls()) != before


def cache_of(dataset: Dataset) -> dict[str, int]:
    """The cache files of a dataset, with the time each was written."""
    files = [Path(file["filename"]) for file in dataset.cache_files]
    return {file.name: file.stat().st_mtime_ns for file in files}


def test_mapping_twice_hits_the_cache_and_another_temperature_does_not(
    on_disk: Dataset, llama_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    def run(temperature: float) -> list[Dataset]:
        transforms = make(llama_folder)
        engine = cb.load_engine("transformers", str(llama_folder))
        transforms["generate"] = cb.BatchGenerate(
            engine, num_samples=2, temperature=temperature, max_new_tokens=4, timestamp="2026"
        )
        steps, dataset = [], on_disk
        for transform in transforms.values():
            dataset = dataset.map(transform, batched=True)
            steps.append(dataset)
        return steps

    first = run(0.7)
    # The classes hash by what they are made of, so that a counted call leaves no trace in it.
    called: list[str] = []
    for cls in (cb.FormatPrompt, cb.BatchGenerate, cb.ParseToolCalls, cb.LabelOutcome):
        plain = cls.__call__

        def counted(self: Any, batch: Any, plain: Any = plain) -> Any:
            called.append(type(self).__name__)
            return plain(self, batch)

        monkeypatch.setattr(cls, "__call__", counted)
    second = run(0.7)
    assert called == []
    assert [step._fingerprint for step in second] == [step._fingerprint for step in first]
    assert list(map(cache_of, second)) == list(map(cache_of, first))
    other = run(0.8)
    assert called == ["BatchGenerate", "ParseToolCalls", "LabelOutcome"]
    assert cache_of(other[0]) == cache_of(first[0])
    for mine, theirs in zip(other[1:], first[1:], strict=True):
        assert mine._fingerprint != theirs._fingerprint
        assert not cache_of(mine).keys() & cache_of(theirs).keys()
