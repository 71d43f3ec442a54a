"""What comes out of the transformers engine, request by request."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, GenerationConfig

from cb_datasets.engines import GenerationRequest, SamplingParams, in_order, load_engine
from cb_datasets.engines.protocol import Engine
from cb_datasets.engines.transformers.engine import TransformersEngine
from cb_datasets.errors import EngineError
from cb_datasets.models.precision import autocast_dtype

MakeRequests = Callable[..., list[GenerationRequest]]
END_IDS = {1, 5, 6, 9}
CONTEXT = 96
GREEDY = SamplingParams(temperature=0, max_new_tokens=30)


def test_greedy_is_the_models_own_greedy_without_its_penalties(
    engine: TransformersEngine, model_folder: Path, make_requests: MakeRequests
) -> None:
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float64)
    model.generation_config = GenerationConfig()
    config = GenerationConfig(max_new_tokens=30, eos_token_id=sorted(END_IDS), pad_token_id=1)
    requests = make_requests(40)[::5]
    for request, generation in zip(
        requests, in_order(requests, engine.generate(requests, GREEDY)), strict=True
    ):
        prompt = torch.tensor([request.prompt_token_ids])
        mask = torch.ones_like(prompt)
        ids = model.generate(prompt, attention_mask=mask, generation_config=config, do_sample=False)
        assert generation.token_ids == ids[0, prompt.shape[1] :].tolist()


def test_end_tokens_are_kept_and_a_cut_sample_gets_none(
    engine: TransformersEngine, make_requests: MakeRequests
) -> None:
    sampling = SamplingParams(temperature=1, max_new_tokens=40)
    generations = in_order(make_requests(60), engine.generate(make_requests(60), sampling))
    stopped = [g for g in generations if g.finish_reason == "stop"]
    cut = [g for g in generations if g.finish_reason == "length"]
    assert len(stopped) + len(cut) == 60
    assert stopped
    assert cut
    for g in stopped:
        assert g.token_ids[-1] in END_IDS
        assert not END_IDS & set(g.token_ids[:-1])
        assert g.text.endswith(str(engine.tokenizer.convert_ids_to_tokens(g.token_ids[-1])))
    for g in cut:
        assert len(g.token_ids) == 40
        assert not END_IDS & set(g.token_ids)
    # Id 9, an ordinary token, ends a sample because the model's generation config says so.
    assert {g.token_ids[-1] for g in stopped} >= {5, 6, 9}


def test_special_tokens_survive_in_the_text(engine: TransformersEngine) -> None:
    requests = [GenerationRequest(str(i), [0, 40], i) for i in range(100)]
    generations = in_order(requests, engine.generate(requests, SamplingParams(temperature=1.5)))
    tagged = [g for g in generations if 7 in g.token_ids]
    assert tagged
    assert all("<|python_tag|>" in g.text for g in tagged)


def test_prefill_stands_after_the_prompt_and_is_not_given_back(engine: TransformersEngine) -> None:
    whole = GenerationRequest("whole", [0, 40, 50, 60, 70], 3)
    split = GenerationRequest("split", [0, 40, 50], 3, prefill_token_ids=[60, 70])
    other = GenerationRequest("other", [0, 40, 50], 3)
    a, b, c = in_order(
        [whole, split, other], engine.generate([whole, split, other], SamplingParams())
    )
    assert a.token_ids == b.token_ids
    assert b.token_ids != c.token_ids


def test_prompt_without_room_is_an_error_and_its_neighbours_are_served(
    engine: TransformersEngine,
) -> None:
    lengths = [3, CONTEXT, CONTEXT - 1, CONTEXT - 5, 500]
    requests = [GenerationRequest(str(n), [0] + [40] * (n - 1), 0) for n in lengths]
    short, full, one, five, far = in_order(
        requests, engine.generate(requests, SamplingParams(max_new_tokens=10))
    )
    assert short.error is None
    assert full.finish_reason == far.finish_reason == "error"
    assert far.error == (
        "prompt and prefill have 500 tokens, which leaves no room in the model's context of 96"
    )
    assert not far.token_ids
    # What the context has room for is given, and never more.
    assert len(one.token_ids) == 1
    assert len(five.token_ids) <= 5
    alone = next(engine.generate([requests[3]], SamplingParams(max_new_tokens=10)))
    assert alone == five


def test_ids_that_the_model_does_not_have_and_empty_prompts_are_errors(
    engine: TransformersEngine,
) -> None:
    requests = [GenerationRequest("big", [0, 300], 0), GenerationRequest("none", [], 0)]
    big, none = in_order(requests, engine.generate(requests, SamplingParams()))
    assert big.error == "the prompt has token ids outside the model's vocabulary of 300"
    assert none.error == "the prompt is empty"


@pytest.mark.parametrize("temperature", [0, 0.7])
def test_logits_that_are_not_numbers_are_an_error_not_a_sample(
    own_folder: Path, temperature: float
) -> None:
    weights = load_file(own_folder / "model.safetensors")
    weights["model.embed_tokens.weight"][77] = torch.nan
    save_file(weights, own_folder / "model.safetensors", metadata={"format": "pt"})
    engine = TransformersEngine(own_folder, device="cpu")
    requests = [GenerationRequest("bad", [0, 77], 0), GenerationRequest("good", [0, 40], 0)]
    bad, good = in_order(
        requests, engine.generate(requests, SamplingParams(temperature, max_new_tokens=2))
    )
    assert bad.error == "the model's logits are not numbers"
    assert good.error is None


def test_batches_too_big_for_memory_are_halved_and_lose_nothing(
    model_folder: Path, make_requests: MakeRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [*make_requests(20), GenerationRequest("huge", [0] * 60, 0)]
    engine = TransformersEngine(model_folder, device="cpu", batch_size=16)
    expected = in_order(requests, engine.generate(requests, SamplingParams(max_new_tokens=8)))
    real, sizes = engine._model.generate, []

    def scarce(input_ids: torch.Tensor, **options: Any) -> Any:
        sizes.append(len(input_ids))
        if len(input_ids) > 5 or input_ids.shape[1] >= 60:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return real(input_ids=input_ids, **options)

    monkeypatch.setattr(engine._model, "generate", scarce)
    got = in_order(requests, engine.generate(requests, SamplingParams(max_new_tokens=8)))
    assert got[:-1] == expected[:-1]
    assert got[-1].finish_reason == "error"
    assert got[-1].error == "out of memory with this one prompt of 60 tokens"
    assert sizes[:5] == [16, 8, 4, 2, 1]


def test_a_model_that_fails_is_an_engine_error(
    model_folder: Path, make_requests: MakeRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = TransformersEngine(model_folder, device="cpu")

    def broken(**options: Any) -> None:
        raise RuntimeError("kernel\nnot found")

    monkeypatch.setattr(engine._model, "generate", broken)
    with pytest.raises(EngineError, match=r"^The model 'random-llama' failed \(RuntimeError: ker"):
        in_order(make_requests(3), engine.generate(make_requests(3), SamplingParams()))


def test_generation_leaves_the_process_as_it_was(
    model_folder: Path, make_requests: MakeRequests
) -> None:
    torch.manual_seed(5)
    np.random.seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), torch.get_default_dtype()
    engine = load_engine("transformers", model_folder, device="cpu")
    assert isinstance(engine, Engine)
    in_order(make_requests(3), engine.generate(make_requests(3), SamplingParams()))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]
    assert torch.get_default_dtype() == before[2]
    assert not torch.are_deterministic_algorithms_enabled()


def test_closed_engine_loads_again(model_folder: Path, make_requests: MakeRequests) -> None:
    engine = TransformersEngine(model_folder, device="cpu")
    first = in_order(make_requests(3), engine.generate(make_requests(3), SamplingParams()))
    engine.close()
    assert "_model" not in engine.__dict__
    assert in_order(make_requests(3), engine.generate(make_requests(3), SamplingParams())) == first


@pytest.mark.parametrize(("has_tiles", "chosen"), [(False, "float32"), (True, "bfloat16")])
def test_precision_follows_size_and_wish_and_what_the_cpu_has(
    model_folder: Path,
    own_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    has_tiles: bool,
    chosen: str,
) -> None:
    monkeypatch.setattr("torch.cpu._is_amx_tile_supported", lambda: has_tiles)
    assert TransformersEngine(model_folder, device="cpu").placement.dtype == "float64"
    wished = TransformersEngine(model_folder, device="cpu", dtype="bfloat16")
    assert wished.placement.dtype == "bfloat16"
    assert wished._model.dtype == torch.bfloat16
    config = json.loads((own_folder / "config.json").read_text())
    config.update(hidden_size=4096, intermediate_size=14336, num_hidden_layers=32)
    (own_folder / "config.json").write_text(json.dumps(config))
    assert TransformersEngine(own_folder, device="cpu").placement.dtype == "float32"
    (own_folder / "config.json").write_text(json.dumps({**config, "dtype": "bfloat16"}))
    assert TransformersEngine(own_folder, device="cpu").placement.dtype == chosen
    assert autocast_dtype("cpu", 10**9) == (torch.bfloat16 if has_tiles else None)
    assert autocast_dtype("cpu", 10**6) is None


@pytest.mark.parametrize("option", ["load_in_8bit", "load_in_4bit"])
def test_quantised_models_generate(
    wide_folder: Path, make_requests: MakeRequests, option: str
) -> None:
    pytest.importorskip("bitsandbytes")
    engine = load_engine("transformers", wide_folder, device="cpu", **{option: True})
    generations = in_order(
        make_requests(10), engine.generate(make_requests(10), SamplingParams(max_new_tokens=8))
    )
    assert all(g.token_ids and g.error is None for g in generations)


def test_samples_of_one_prompt_share_its_prefill_and_are_the_same_as_alone(
    llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = load_engine("transformers", llama_folder)
    prompts = {"long": list(range(20, 60)), "short": list(range(90, 96))}
    requests = [
        GenerationRequest(f"{name}#{seed}", ids, seed=seed)
        for name, ids in prompts.items()
        for seed in range(6)
    ]
    sampling = SamplingParams(1.0, max_new_tokens=24)
    alone = [one for request in requests for one in engine.generate([request], sampling)]
    read: list[int] = []
    forward = type(engine._model).forward

    def counted(self: Any, *args: Any, **options: Any) -> Any:
        if options["input_ids"].shape[1] > 1:
            read.append(options["input_ids"].numel())
        return forward(self, *args, **options)

    monkeypatch.setattr(type(engine._model), "forward", counted)
    together = in_order(requests, engine.generate(requests, sampling))
    assert together == alone
    # Each prompt once, padded to the longer one, all but its last token.
    assert read == [2 * 39]


def test_a_compiled_model_is_another_engine_with_the_same_samples(llama_folder: Path) -> None:
    plain = load_engine("transformers", llama_folder)
    compiled = load_engine("transformers", llama_folder, compile=True)
    assert compiled.fingerprint() != plain.fingerprint()
    assert pickle.loads(pickle.dumps(compiled)).fingerprint() == compiled.fingerprint()
    requests = [GenerationRequest(str(seed), list(range(20, 40)), seed) for seed in range(4)]
    sampling = SamplingParams(1.0, max_new_tokens=8)
    made = in_order(requests, compiled.generate(requests, sampling))
    # In float64, where rounding chooses no other token.
    assert made == in_order(requests, plain.generate(requests, sampling))
    assert compiled._model._compiled_call_impl is not None
