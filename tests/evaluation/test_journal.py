"""An evaluation that is interrupted goes on where it was, with the samples that are its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import cb_datasets as cb
from cb_datasets.engines import Generation, GenerationRequest, SamplingParams
from cb_datasets.errors import EngineError, EvalError
from cb_datasets.evaluation.oracles import attackers_completion, right_completion

Row = dict[str, Any]
Told = Callable[..., Any]


def undefended(row: Row, sample: int) -> str:
    return attackers_completion(row) or right_completion(row) or ""


def stopped_after(engine: Any, count: int) -> Any:
    """The engine, interrupted when it has given so many samples."""
    whole = engine.generate

    def generate(
        requests: Iterable[GenerationRequest], sampling: SamplingParams
    ) -> Iterator[Generation]:
        for number, generation in enumerate(whole(requests, sampling)):
            if number == count:
                raise KeyboardInterrupt
            yield generation

    engine.generate = generate
    return engine


def test_an_interrupted_evaluation_goes_on_and_ends_with_the_same_report(
    rows: list[Row], told: Told, tmp_path: Path
) -> None:
    whole = cb.evaluate(told(rows, undefended), rows, num_samples=2)
    with pytest.raises(KeyboardInterrupt):
        cb.evaluate(stopped_after(told(rows, undefended), 7), rows, num_samples=2, journal=tmp_path)
    rest = told(rows, undefended)
    report = cb.evaluate(rest, rows, num_samples=2, journal=tmp_path, resume="always")
    assert len(rest.requests) == 2 * len(rows) - 7
    assert report.to_dict() == whole.to_dict()
    assert report.samples == whole.samples
    again = told(rows, undefended)
    cb.evaluate(again, rows, num_samples=3, journal=tmp_path)
    assert {request.key.rpartition("#")[2] for request in again.requests} == {"sample2"}


def test_a_sample_behind_another_prefill_is_another_sample(
    rows: list[Row], told: Told, tmp_path: Path
) -> None:
    cb.evaluate(told(rows, undefended), rows, journal=tmp_path)
    forced = next(row for row in rows if row["prefill_kind"] == "json_arguments")
    other = next(
        row for row in rows if row["prefill_kind"] == "tag" and row["scenario_id"] != forced["id"]
    )
    # The same row, prompt and seed; what the model is made to begin with is all that changes.
    forced["prefill"] = other["prefill"]
    forced["prefill_token_ids"] = other["prefill_token_ids"]
    engine = told(rows, undefended)
    cb.evaluate(engine, rows, journal=tmp_path)
    assert [request.key for request in engine.requests] == [f"{forced['id']}#sample0"]


def test_two_models_share_a_journal_and_no_sample(
    rows: list[Row], told: Told, tmp_path: Path
) -> None:
    def resists(row: Row, sample: int) -> str:
        return right_completion(row) or ""

    second = told(rows, resists)
    second.model = "another-model"
    first = cb.evaluate(told(rows, undefended), rows, compare=second, journal=tmp_path)
    assert first.compared is not None
    assert (first.asr, first.compared.asr) == (1, 0)
    engines = [told(rows, undefended), told(rows, resists)]
    engines[1].model = "another-model"
    again = cb.evaluate(engines[0], rows, compare=engines[1], journal=tmp_path)
    assert again.to_dict() == first.to_dict()
    assert [engine.requests for engine in engines] == [[], []]


def test_what_failed_is_asked_again(rows: list[Row], told: Told, tmp_path: Path) -> None:
    def breaks(row: Row, sample: int) -> str | Generation:
        if row["kind"] == "answer":
            return Generation.failed(f"{row['id']}#sample0", "out of memory")
        return undefended(row, sample)

    broken = cb.evaluate(told(rows, breaks), rows, journal=tmp_path)
    assert broken.errors
    engine = told(rows, undefended)
    report = cb.evaluate(engine, rows, journal=tmp_path)
    assert not report.errors
    answers = {f"{row['id']}#sample0" for row in rows if row["kind"] == "answer"}
    assert {request.key for request in engine.requests} == answers


def test_never_makes_every_sample_anew_and_always_insists(
    rows: list[Row], told: Told, tmp_path: Path
) -> None:
    with pytest.raises(EngineError, match="nothing to resume"):
        cb.evaluate(told(rows, undefended), rows, journal=tmp_path, resume="always")
    cb.evaluate(told(rows, undefended), rows, journal=tmp_path)
    engine = told(rows, undefended)
    cb.evaluate(engine, rows, journal=tmp_path, resume="never")
    assert len(engine.requests) == len(rows)
    with pytest.raises(EvalError, match="resume is 'maybe'"):
        cb.evaluate(engine, rows, journal=tmp_path, resume="maybe")
