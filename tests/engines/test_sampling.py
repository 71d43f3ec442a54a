"""A sample depends on its request alone, and follows the distribution it is said to follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper
from transformers.generation import TopPLogitsWarper

from cb_datasets.engines import GenerationRequest, SamplingParams, in_order
from cb_datasets.engines.seeded.sampling import SeededSampler, uniforms
from cb_datasets.engines.transformers.engine import TransformersEngine

MakeRequests = Callable[..., list[GenerationRequest]]
SAMPLING = SamplingParams(temperature=0.7, max_new_tokens=24)


@pytest.mark.parametrize("sampling", [SAMPLING, SamplingParams(1.3, 0.9, 50, 24)])
def test_batch_size_and_order_of_requests_change_no_sample(
    model_folder: Path, make_requests: MakeRequests, sampling: SamplingParams
) -> None:
    requests = make_requests(70)
    engines = {n: TransformersEngine(model_folder, device="cpu", batch_size=n) for n in (1, 7, 64)}
    expected = in_order(requests, engines[7].generate(requests, sampling))
    assert [g.key for g in expected] == [r.key for r in requests]
    assert in_order(requests, engines[1].generate(requests, sampling)) == expected
    assert in_order(requests, engines[64].generate(requests, sampling)) == expected
    assert (
        in_order(requests[::-1], engines[64].generate(requests[::-1], sampling))[::-1] == expected
    )
    assert (
        in_order(requests[31:40], engines[64].generate(requests[31:40], sampling))
        == expected[31:40]
    )


def test_seeds_of_one_prompt_give_different_samples(engine: TransformersEngine) -> None:
    requests = [GenerationRequest(f"s{seed}", [0, 40, 50], seed) for seed in range(20)]
    samples = {tuple(g.token_ids) for g in engine.generate(requests, SAMPLING)}
    assert len(samples) == 20


@pytest.mark.parametrize(
    "sampling",
    [
        SamplingParams(temperature=0.7, max_new_tokens=1),
        SamplingParams(temperature=1.5, top_p=0.8, max_new_tokens=1),
        SamplingParams(temperature=1.0, top_k=12, max_new_tokens=1),
    ],
)
def test_first_tokens_follow_the_models_own_probabilities(
    model_folder: Path, sampling: SamplingParams
) -> None:
    count, prompt = 2000, [0, 20, 30, 40]
    engine = TransformersEngine(model_folder, device="cpu", batch_size=500)
    requests = [GenerationRequest(str(seed), prompt, seed) for seed in range(count)]
    seen = Counter(g.token_ids[0] for g in engine.generate(requests, sampling))
    with torch.inference_mode():
        logits = engine._model(torch.tensor([prompt])).logits[0, -1:]
    warpers = LogitsProcessorList([TemperatureLogitsWarper(sampling.temperature)])
    warpers.append(TopPLogitsWarper(sampling.top_p))
    if sampling.top_k:
        warpers.append(TopKLogitsWarper(sampling.top_k))
    expected = warpers(torch.tensor([prompt]), logits)[0].softmax(-1) * count
    assert all(expected[token] > 0 for token in seen)
    # Chi-square over the tokens expected at least five times, the rest in one cell.
    common = [i for i in range(len(expected)) if expected[i] >= 5]
    cells = [(seen[i], expected[i].item()) for i in common]
    rest = count - sum(e for _, e in cells)
    if rest > 1:
        cells.append((count - sum(n for n, _ in cells), rest))
    chi2 = sum((n - e) ** 2 / e for n, e in cells)
    freedom = len(cells) - 1
    assert freedom >= 8
    # The chi-square distribution has mean `freedom` and variance twice that.
    assert chi2 < freedom + 3.3 * (2 * freedom) ** 0.5


def test_uniforms_are_pinned_and_side_by_side_seeds_are_unrelated() -> None:
    assert uniforms(7, 3).tolist() == [0.8720734548204873, 0.29536538151378355, 0.4200976785072422]
    draws = torch.tensor([uniforms(seed, 50).tolist() for seed in range(400)])
    assert abs(torch.corrcoef(draws).triu(1).mean().item()) < 0.001
    assert abs(draws.mean().item() - 0.5) < 0.01


def test_impossible_tokens_are_never_chosen_even_at_the_edges_of_the_unit_interval() -> None:
    scores = torch.full((3, 6), -torch.inf)
    scores[:, [1, 4]] = torch.tensor([0.3, 0.1])
    sampler = SeededSampler([0, 1, 2], prompt_length=1, sampling=SamplingParams(max_new_tokens=1))
    sampler._uniforms = torch.tensor([[0.0], [1 - 2**-53], [0.1]], dtype=torch.float64)
    chosen = sampler(torch.zeros(3, 1, dtype=torch.long), scores).argmax(-1)
    assert chosen.tolist() == [1, 4, 1]
    assert not sampler.broken.any()
