"""The vllm backend, for real, with the tiny agent on this machine's CPU."""

from __future__ import annotations

import importlib.util
import json
import pickle
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets.fingerprint import Hasher
from safetensors.torch import load_file, save_file

from cb_datasets.assets import tiny_agent_path
from cb_datasets.engines import GenerationRequest, SamplingParams, in_order, load_engine
from cb_datasets.engines.journal.journal import Journal
from cb_datasets.engines.journal.journaled import generate_journaled
from cb_datasets.engines.protocol import Engine
from cb_datasets.engines.transformers.engine import TransformersEngine
from cb_datasets.engines.vllm.engine import VLLMEngine
from cb_datasets.errors import EngineError

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("vllm") is None,
        reason="vllm is not installed (users: the vllm extra; CI: .ci/requirements-vllm.txt)",
    ),
    pytest.mark.skipif(torch.cuda.is_available(), reason="these tests run vLLM on the CPU"),
]

SAMPLING = SamplingParams(temperature=0.9, max_new_tokens=24)
CHUNK = 256
"""Tokens that vLLM takes at a time here: long prompts come in chunks."""


@pytest.fixture(scope="module")
def engine() -> Iterator[VLLMEngine]:
    made = VLLMEngine(max_num_seqs=8, engine_args={"max_num_batched_tokens": CHUNK})
    yield made
    made.close()


@pytest.fixture(scope="module")
def requests(engine: VLLMEngine) -> list[GenerationRequest]:
    """Three samples each of twelve prompts, every fourth of them longer than a chunk."""
    rng, words = (
        random.Random(0),
        ["please", "find", "a", "hotel", "in", "town", "and", "send", "the", "bill", "to", "bob"],
    )
    made = []
    for prompt in range(12):
        text = " ".join(rng.choices(words, k=400 if prompt % 4 == 3 else rng.randint(3, 30)))
        ids = engine.tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], add_generation_prompt=True
        )["input_ids"]
        made += [GenerationRequest(f"p{prompt}#{n}", list(ids), 10 * prompt + n) for n in range(3)]
    assert max(len(request.prompt_token_ids) for request in made) > 2 * CHUNK
    return made


@pytest.fixture(scope="module")
def expected(engine: VLLMEngine, requests: list[GenerationRequest]) -> list[Any]:
    return in_order(requests, engine.generate(requests, SAMPLING))


@pytest.mark.parametrize(
    "sampling", [SAMPLING, replace(SAMPLING, top_p=0.9, top_k=40), replace(SAMPLING, temperature=0)]
)
def test_samples_are_those_of_the_transformers_backend(
    engine: VLLMEngine, requests: list[GenerationRequest], sampling: SamplingParams
) -> None:
    sampling = replace(sampling, logprob=True)
    ours = in_order(requests, engine.generate(requests, sampling))
    theirs = in_order(requests, TransformersEngine(device="cpu").generate(requests, sampling))
    for mine, other in zip(ours, theirs, strict=True):
        assert replace(mine, logprob=None) == replace(other, logprob=None)
        assert mine.logprob == pytest.approx(other.logprob, abs=1e-3)
    assert {g.finish_reason for g in ours} == {"stop", "length"}


def test_neighbours_and_order_change_no_sample(
    engine: VLLMEngine, requests: list[GenerationRequest], expected: list[Any]
) -> None:
    assert in_order(requests, engine.generate(requests[::-1], SAMPLING)) == expected
    assert in_order(requests[5:9], engine.generate(requests[5:9], SAMPLING)) == expected[5:9]


def test_samples_come_out_while_requests_are_still_to_be_taken(
    engine: VLLMEngine, requests: list[GenerationRequest]
) -> None:
    taken = 0

    def stream() -> Iterator[GenerationRequest]:
        nonlocal taken
        for request in requests:
            taken += 1
            yield request

    for position, _ in enumerate(engine.generate(stream(), SAMPLING)):
        # As many wait as run, and what finishes in one step comes out together.
        assert taken <= min(len(requests), position + 8 + 16)
    assert taken == len(requests)


def test_end_token_and_special_tokens_are_kept(expected: list[Any], engine: VLLMEngine) -> None:
    ends = {engine.tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("eot_id", "eom_id")}
    stopped = [g for g in expected if g.finish_reason == "stop"]
    assert stopped
    assert all(g.token_ids[-1] in ends and g.text.endswith("_id|>") for g in stopped)
    assert any(g.text.startswith("<|python_tag|>") for g in expected)
    assert all(len(g.token_ids) == 24 for g in expected if g.finish_reason == "length")


def test_samples_of_one_prompt_share_its_prefill(
    engine: VLLMEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = list(range(10, 2010))
    outputs: list[Any] = []
    list(engine.generate([], SAMPLING))
    step = engine._engine.step

    def watched() -> Any:
        made = step()
        outputs.extend(made)
        return made

    monkeypatch.setattr(engine._engine, "step", watched)
    requests = [GenerationRequest(str(seed), ids, seed) for seed in range(5)]
    list(engine.generate(requests, SamplingParams(max_new_tokens=4)))
    cached = sorted(output.num_cached_tokens for output in outputs)
    assert cached[0] == 0
    assert all(count > 0.9 * len(ids) for count in cached[1:])


def test_prefill_stands_after_the_prompt_and_is_not_given_back(engine: VLLMEngine) -> None:
    whole = GenerationRequest("whole", [10, 40, 50, 60, 70], 3)
    split = GenerationRequest("split", [10, 40, 50], 3, prefill_token_ids=[60, 70])
    a, b = in_order([whole, split], engine.generate([whole, split], SAMPLING))
    assert a.token_ids == b.token_ids


def test_what_cannot_be_served_is_an_error_and_its_neighbours_are_served(
    engine: VLLMEngine,
) -> None:
    requests = [
        GenerationRequest("long", [10] * 5000, 0),
        GenerationRequest("fine", [10, 20], 0),
        GenerationRequest("none", [], 0),
        GenerationRequest("big", [10**6], 0),
        GenerationRequest("full", [10] * 4093, 0),
    ]
    long, fine, none, big, full = in_order(requests, engine.generate(requests, SAMPLING))
    assert long.error == (
        "prompt and prefill have 5000 tokens, which leaves no room in the model's context of 4096"
    )
    assert none.error == "the prompt is empty"
    assert "outside the model's vocabulary" in str(big.error)
    assert fine.error is full.error is None
    assert len(full.token_ids) <= 3


def test_a_crash_costs_what_was_running_and_is_reported_when_it_stays(
    engine: VLLMEngine,
    requests: list[GenerationRequest],
    expected: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    steps = 0
    real = VLLMEngine._step

    def crashing(self: VLLMEngine) -> None:
        nonlocal steps
        steps += 1
        if steps == 30:
            raise RuntimeError("CUDA error: an illegal memory access")
        real(self)

    monkeypatch.setattr(VLLMEngine, "_step", crashing)
    with Journal(tmp_path) as journal:
        finished = list(generate_journaled(engine, requests, SAMPLING, journal))
    assert Counter(g.key for g in finished) == Counter(r.key for r in requests)
    assert in_order(requests, finished) == expected

    def broken(self: VLLMEngine) -> None:
        raise RuntimeError("no\nkernel")

    monkeypatch.setattr(VLLMEngine, "_step", broken)
    with pytest.raises(EngineError, match=r"^vLLM failed with .*\(RuntimeError: no kernel\)\.$"):
        list(engine.generate(requests[:2], SAMPLING))


def test_a_caller_that_stops_leaves_nothing_running(
    engine: VLLMEngine, requests: list[GenerationRequest], expected: list[Any]
) -> None:
    stream = engine.generate(requests, SAMPLING)
    next(stream)
    stream.close()
    assert not engine._engine.has_unfinished_requests()
    assert in_order(requests, engine.generate(requests, SAMPLING)) == expected


def test_an_engine_is_its_specification(engine: VLLMEngine) -> None:
    before = engine.fingerprint(), Hasher.hash(engine), pickle.dumps(engine)
    list(engine.generate([GenerationRequest("a", [10, 20], 0)], SAMPLING))
    assert (engine.fingerprint(), Hasher.hash(engine), pickle.dumps(engine)) == before
    copy = pickle.loads(before[2])
    assert "_engine" not in copy.__dict__
    assert (copy.fingerprint(), Hasher.hash(copy)) == before[:2]
    assert isinstance(engine, Engine)
    assert b"hf_secret" not in pickle.dumps(VLLMEngine(token="hf_secret"))


@pytest.mark.parametrize(
    "changed",
    [
        {"dtype": "bfloat16"},
        {"max_model_len": 512},
        {"quantization": "fp8"},
        {"engine_args": {"block_size": 32}},
    ],
)
def test_options_that_change_samples_change_the_fingerprint(changed: dict[str, Any]) -> None:
    plain = VLLMEngine().fingerprint()
    assert VLLMEngine(**changed).fingerprint() != plain
    assert VLLMEngine(max_num_seqs=3, gpu_memory_utilization=0.5).fingerprint() == plain


def test_options_without_a_meaning_are_one_sentence() -> None:
    with pytest.raises(EngineError, match=r"vllm backend has no option 'device' \(known: revision"):
        load_engine("vllm", device="cpu")
    with pytest.raises(EngineError, match="dtype is 'float64'; it must be one of auto, float32"):
        load_engine("vllm", dtype="float64")
    with pytest.raises(EngineError, match="tensor_parallel_size is 0; it must be 1 or more"):
        load_engine("vllm", tensor_parallel_size=0)
    with pytest.raises(EngineError, match=r"There is no adapter folder '\./nowhere'"):
        load_engine("vllm", adapter="./nowhere")


def test_the_process_is_left_as_it_was(engine: VLLMEngine) -> None:
    engine.close()
    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    list(engine.generate([GenerationRequest("a", [10, 20], 0)], SAMPLING))
    assert random.getstate() == before[0]
    assert np.random.get_state()[1].tolist() == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])
    assert torch.get_default_dtype() == torch.float32


def write_adapter(folder: Path, scale: float) -> Path:
    """A LoRA adapter of the tiny agent's query projections."""
    folder.mkdir()
    config = json.loads((tiny_agent_path() / "config.json").read_text())
    size, out = config["hidden_size"], config["num_attention_heads"] * config["head_dim"]
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for layer in range(config["num_hidden_layers"]):
        stem = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        tensors[f"{stem}.lora_A.weight"] = torch.randn(8, size, generator=generator)
        tensors[f"{stem}.lora_B.weight"] = scale * torch.randn(out, 8, generator=generator)
    save_file(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(
        json.dumps(
            {
                "peft_type": "LORA",
                "task_type": "CAUSAL_LM",
                "r": 8,
                "lora_alpha": 8,
                "lora_dropout": 0.0,
                "bias": "none",
                "target_modules": ["q_proj"],
                "base_model_name_or_path": "tiny-agent",
            }
        )
    )
    return folder


def test_an_adapter_is_another_model(
    engine: VLLMEngine,
    requests: list[GenerationRequest],
    expected: list[Any],
    tmp_path: Path,
) -> None:
    engine.close()
    strong, weak = (write_adapter(tmp_path / n, s) for n, s in (("strong", 0.5), ("weak", 0.0)))
    engines = [VLLMEngine(adapter=folder, max_num_seqs=8) for folder in (strong, weak)]
    assert engines[0].model == f"{engine.model}+strong"
    assert engines[0].revision.startswith(f"{engine.revision}+sha256:")
    assert len({e.fingerprint() for e in (engine, *engines)}) == 3
    assert pickle.loads(pickle.dumps(engines[0])).fingerprint() == engines[0].fingerprint()
    samples = []
    for adapted in engines:
        samples.append(in_order(requests, adapted.generate(requests, SAMPLING)))
        adapted.close()
    assert samples[0] != expected
    # One whose matrices are zero is the model as it was.
    assert samples[1] == expected


def test_logits_that_are_not_numbers_are_an_error_not_a_sample(
    engine: VLLMEngine, tmp_path: Path
) -> None:
    engine.close()
    folder = Path(shutil.copytree(tiny_agent_path(), tmp_path / "broken"))
    weights = load_file(folder / "model.safetensors")
    # A final norm that is no number breaks every logit.
    weights["model.norm.weight"][0] = torch.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    broken = VLLMEngine(folder)
    (generation,) = broken.generate([GenerationRequest("a", [10, 20], 0)], SAMPLING)
    broken.close()
    assert generation.error == "the model's logits are not numbers"
