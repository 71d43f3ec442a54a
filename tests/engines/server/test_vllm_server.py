"""The server backend against a real vLLM server on this machine."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import cb_datasets as cb
from cb_datasets.assets import TINY_AGENT_NAME, tiny_agent_path
from cb_datasets.engines import GenerationRequest, SamplingParams, in_order, load_engine
from cb_datasets.engines.server.engine import KEY_VARIABLE
from cb_datasets.engines.transformers.engine import TransformersEngine

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("vllm") is None,
        reason="vllm is not installed (users: the vllm extra; CI: .ci/requirements-vllm.txt)",
    ),
    pytest.mark.skipif(torch.cuda.is_available(), reason="these tests run vLLM on the CPU"),
]

KEY = "sk-of-the-test"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    command += ["--model", str(tiny_agent_path()), "--served-model-name", "agent"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--api-key", KEY]
    command += ["--dtype", "float32", "--enforce-eager", "--generation-config", "vllm"]
    log = Path(tmp_path_factory.mktemp("server")) / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env=environment, start_new_session=True
        )
        try:
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def engine(url: str) -> Any:
    # While the server starts, its connections are refused: what retries are for.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, KEY)
        return load_engine("server", base_url=url, retries=60, backoff=0.05, concurrency=8)


def test_a_server_that_is_still_starting_is_waited_for(engine: Any) -> None:
    assert engine._served[0] == "agent"
    assert engine._served[1].context == 4096
    assert engine.model == TINY_AGENT_NAME


@pytest.fixture(scope="module")
def prompts(engine: Any) -> list[list[int]]:
    """Prompts of the demo suite, tools and all."""
    scenarios = cb.load_source("demo").select(range(0, 40, 8))
    ids: list[list[int]] = cb.FormatPrompt(engine.tokenizer)(scenarios[:])["prompt_token_ids"]
    return ids


def test_greedy_samples_are_those_of_the_transformers_backend(
    engine: Any, prompts: list[list[int]]
) -> None:
    requests = [GenerationRequest(str(n), ids, n) for n, ids in enumerate(prompts)]
    sampling = SamplingParams(temperature=0, max_new_tokens=32, logprob=True)
    ours = in_order(requests, engine.generate(requests, sampling))
    theirs = in_order(requests, TransformersEngine(device="cpu").generate(requests, sampling))
    for mine, other in zip(ours, theirs, strict=True):
        assert replace(mine, logprob=None) == replace(other, logprob=None)
        assert mine.logprob == pytest.approx(other.logprob, abs=1e-3)
    assert any(g.text.startswith("<|python_tag|>") for g in ours)
    assert all(g.text.endswith("_id|>") for g in ours)


def test_seeds_decide_samples_and_end_tokens_survive(engine: Any) -> None:
    # Unlike the demo suite's, a prompt that the model is unsure about.
    ids = engine.tokenizer.apply_chat_template(
        [{"role": "user", "content": "Find a hotel in Rome."}], add_generation_prompt=True
    )["input_ids"]
    requests = [GenerationRequest(f"s{seed}", list(ids), seed) for seed in range(40)]
    sampling = SamplingParams(temperature=1.2, max_new_tokens=24)
    first = in_order(requests, engine.generate(requests, sampling))
    assert in_order(requests, engine.generate(requests, sampling)) == first
    assert len({g.text for g in first}) > 20
    stopped = [g for g in first if g.finish_reason == "stop"]
    assert stopped
    assert all(g.text.endswith(("<|eot_id|>", "<|eom_id|>")) for g in stopped)


def test_a_prompt_that_the_context_has_no_room_for_is_an_error(engine: Any) -> None:
    requests = [GenerationRequest("long", [10] * 5000, 0), GenerationRequest("fine", [10, 20], 0)]
    long, fine = in_order(requests, engine.generate(requests, SamplingParams(max_new_tokens=4)))
    assert "no room in the model's context of 4096" in str(long.error)
    assert fine.error is None
