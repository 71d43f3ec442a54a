"""Tokens per second through `BatchGenerate` with a journal, next to the bare engine and to a loop.

The bare engine is given the same requests in one call. The loop gives it one prompt at a time, as
research pipelines do, and is timed on a part of the prompts. The contenders take turns, and the
best of their rounds counts. Usage: generate_throughput.py [transformers|vllm] [--cpu]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from typing import Any

import cb_datasets as cb
from cb_datasets.engines import SamplingParams

ROUNDS = 3


def tokens_per_second(run: Callable[[], int], clock: Callable[[], float]) -> float:
    began = clock()
    tokens = run()
    return tokens / (clock() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backend", nargs="?", default="transformers")
    parser.add_argument("--model", help="folder or Hub id; without it the tiny agent")
    parser.add_argument("--scenarios", type=int, default=150)
    parser.add_argument("--loop", type=int, default=12, help="prompts that the loop is timed on")
    parser.add_argument("--batch", type=int, default=64, help="scenarios a batch of the transform")
    parser.add_argument(
        "--cpu",
        action="store_true",
        help="count CPU seconds: for an engine in this process, on a machine that others use too",
    )
    arguments = parser.parse_args()
    clock = time.process_time if arguments.cpu else time.perf_counter

    engine = cb.load_engine(arguments.backend, arguments.model)
    scenarios = cb.load_source("demo")
    scenarios = scenarios.select(range(min(arguments.scenarios, len(scenarios))))
    prompts = scenarios.map(cb.FormatPrompt(engine.tokenizer), batched=True)
    rows = list(prompts)
    sampling = SamplingParams(temperature=0.7)
    transform = cb.BatchGenerate(engine)
    requests = [transform._request(row, n) for row in rows for n in range(5)]
    list(engine.generate(requests[:5], sampling))

    def batches() -> Any:
        for start in range(0, len(rows), arguments.batch):
            yield prompts[start : start + arguments.batch]

    def bare() -> int:
        return sum(len(g.token_ids) for g in engine.generate(requests, sampling))

    def journaled(ahead: bool) -> int:
        with tempfile.TemporaryDirectory() as folder:
            transform = cb.BatchGenerate(engine, journal=folder)
            if ahead:
                for _ in transform.sample_ahead(batches()):
                    pass
            made = [transform(batch) for batch in batches()]
            assert transform._journal is not None
            transform._journal.close()
        return sum(len(ids) for batch in made for ids in batch["completion_token_ids"])

    def loop() -> int:
        return sum(
            len(generation.token_ids)
            for request in requests[: arguments.loop]
            for generation in engine.generate([request], sampling)
        )

    contenders = {
        "bare engine": bare,
        "BatchGenerate, journal": lambda: journaled(False),
        "BatchGenerate, journal, sample_ahead": lambda: journaled(True),
        "one prompt at a time": loop,
    }
    best = dict.fromkeys(contenders, 0.0)
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            best[name] = max(best[name], tokens_per_second(run, clock))
    print(f"{arguments.backend}: {len(requests)} samples of {len(rows)} scenarios")
    for name, rate in best.items():
        print(f"{name:40} {rate:9.0f} tokens/s   {rate / best['bare engine']:.3f} of the engine's")
    print(f"with the journal, {best[list(best)[2]] / best['one prompt at a time']:.1f} x the loop")
    engine.close()


if __name__ == "__main__":
    main()
