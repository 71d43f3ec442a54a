"""What every engine keeps to: a stream in, generations as they finish, each with its key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from cb_datasets.engines import GenerationRequest, SamplingParams, in_order, load_engine
from cb_datasets.engines.journal.journaled import SampleMemory, generate_journaled
from cb_datasets.engines.transformers.engine import (
    BATCHES_PER_WINDOW,
    FIRST_ROUND_TOKENS,
    TransformersEngine,
)
from cb_datasets.errors import EngineError
from tests.engines.journal.counting_engine import CountingEngine

MakeRequests = Callable[..., list[GenerationRequest]]


def test_short_samples_come_before_long_ones_are_done(
    engine: TransformersEngine, make_requests: MakeRequests
) -> None:
    requests = make_requests(40)
    finished = list(engine.generate(requests, SamplingParams(max_new_tokens=60)))
    assert {g.key for g in finished} == {r.key for r in requests}
    assert [g.key for g in finished] != [r.key for r in requests]
    longer = [len(g.token_ids) > FIRST_ROUND_TOKENS for g in finished]
    assert longer == sorted(longer)
    assert {*longer} == {True, False}


def test_a_stream_of_requests_is_taken_as_there_is_room(
    model_folder: Path, make_requests: MakeRequests
) -> None:
    engine = TransformersEngine(model_folder, device="cpu", batch_size=2)
    taken = 0

    def stream() -> Iterator[GenerationRequest]:
        nonlocal taken
        for request in make_requests(200):
            taken += 1
            yield request

    first = next(engine.generate(stream(), SamplingParams(max_new_tokens=2)))
    assert first.error is None
    assert taken == 2 * BATCHES_PER_WINDOW


def test_two_requests_with_one_key_are_refused(engine: TransformersEngine) -> None:
    requests = [GenerationRequest("same", [0, 40], seed) for seed in (1, 2)]
    with pytest.raises(EngineError, match=r"^Two requests have the key 'same'; keys must be dis"):
        list(engine.generate(requests, SamplingParams()))


@pytest.mark.parametrize("temperature", [0, 0.7])
def test_logprob_is_that_of_the_models_own_distribution(
    engine: TransformersEngine, make_requests: MakeRequests, temperature: float
) -> None:
    requests = make_requests(12)
    # Longer than a first round, so that it is summed over rounds.
    sampling = SamplingParams(temperature, top_k=20, max_new_tokens=60, logprob=True)
    for request, generation in zip(
        requests, in_order(requests, engine.generate(requests, sampling)), strict=True
    ):
        ids = torch.tensor([[*request.prompt_token_ids, *generation.token_ids]])
        with torch.inference_mode():
            logprobs = engine._model(ids).logits[0].log_softmax(-1)
        start, made = len(request.prompt_token_ids) - 1, generation.token_ids
        expected = sum(logprobs[start + i, token].item() for i, token in enumerate(made))
        assert generation.logprob == pytest.approx(expected, abs=1e-5)
    plain = SamplingParams(temperature, top_k=20, max_new_tokens=60)
    for generation in engine.generate(requests, plain):
        assert generation.logprob is None


def test_a_stream_may_say_that_there_is_nothing_yet():
    engine = load_engine("transformers", batch_size=2)
    prompt = engine.tokenizer("Hello", add_special_tokens=False)["input_ids"]
    done: list[str] = []

    def requests() -> Iterator[GenerationRequest | None]:
        yield GenerationRequest("a", prompt, 0)
        while "a" not in done:
            yield None
        yield GenerationRequest("b", prompt, 1)

    stream, sampling = requests(), SamplingParams(max_new_tokens=4)
    while len(done) < 2:
        done += [generation.key for generation in engine.generate(stream, sampling)]
    assert done == ["a", "b"]


def test_a_journal_passes_on_that_there_is_nothing_yet():
    memory, made = SampleMemory(), CountingEngine()
    sampling = SamplingParams()
    requests = [GenerationRequest("a", [1], 0), None, GenerationRequest("b", [2], 0), None]
    first = [g.key for g in generate_journaled(made, iter(requests[:1]), sampling, memory)]
    both = [g.key for g in generate_journaled(made, iter(requests), sampling, memory)]
    assert (first, both, made.made) == (["a"], ["a", "b"], ["a", "b"])
