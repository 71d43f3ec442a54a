"""Judges by name: who judges, what records say of it, and what an edited one changes."""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path
from typing import Any

import pytest
from datasets.fingerprint import Hasher

import cb_datasets as cb
from cb_datasets.errors import JudgeError
from cb_datasets.judge import Judgement, NamedJudge, judge, list_judges
from cb_datasets.judge.named import JUDGES, another_judge, judge_name

BATCH: dict[str, list[Any]] = {
    "assistant_raw": ["Hello.<|eot_id|>"],
    "finish_reason": ["stop"],
    "error": [None],
    "attack": [None],
    "expected": [{"behavior": "answer", "calls": []}],
}


def refuses(parsed: Any, **facts: Any) -> Judgement:
    return Judgement("refusal", "this judge says so of everything")


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a judge that is there for the time of a test."""
    monkeypatch.setitem(JUDGES.built_in, "strict", NamedJudge("strict", "Refusals", refuses))
    return "strict"


def outcome(label: cb.LabelOutcome) -> str:
    batch = BATCH | cb.ParseToolCalls()(BATCH)
    return str(label(batch)["outcome"][0])


def test_a_judge_is_asked_for_by_its_name_or_given_as_it_is(strict: str):
    assert outcome(cb.LabelOutcome()) == "no_tool"
    assert outcome(cb.LabelOutcome(strict)) == outcome(cb.LabelOutcome(refuses)) == "refusal"
    assert list_judges() == ["pipeline", "strict"]


def test_the_pipelines_own_judge_is_no_other_one_however_it_is_given():
    for given in (None, "pipeline", judge):
        assert another_judge(given) is None
        assert judge_name(given) is None
        assert outcome(cb.LabelOutcome(given)) == "no_tool"


def test_records_name_a_judge_so_that_it_is_found_again(strict: str):
    assert judge_name(strict) == "strict"
    assert judge_name(refuses) == f"{__name__}:refuses"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("strikt", "there is no judge 'strikt', did you mean 'strict'? (known: pipeline, strict)"),
        (5, "judge is 5; it must be the name of a judge, or a function"),
    ],
)
def test_what_is_no_judge_is_one_sentence(strict: str, given: Any, sentence: str):
    with pytest.raises(JudgeError) as told:
        cb.LabelOutcome(given)
    assert str(told.value) == sentence


def test_a_judge_by_name_is_pickled_by_name(strict: str):
    pickled = pickle.dumps(cb.LabelOutcome(strict))
    assert b"refuses" not in pickled
    assert outcome(pickle.loads(pickled)) == "refusal"


def test_an_edited_judge_gives_another_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "kept_judge.py"
    text = "from cb_datasets.judge import Judgement\n\ndef decide(parsed, **facts):\n"
    file.write_text(f'{text}    return Judgement("refusal", "")\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    decide = importlib.import_module("kept_judge").decide
    monkeypatch.setitem(JUDGES.built_in, "kept", NamedJudge("kept", "", decide))
    before = [Hasher.hash(cb.LabelOutcome(given)) for given in (decide, "kept")]
    assert before == [Hasher.hash(cb.LabelOutcome(given)) for given in (decide, "kept")]
    file.write_text(f'{text}    return Judgement("no_tool", "")\n')
    after = [Hasher.hash(cb.LabelOutcome(given)) for given in (decide, "kept")]
    assert {*before}.isdisjoint(after)
