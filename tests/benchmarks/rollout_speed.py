"""What rollouts cost beside the model: samples saved, slots kept busy, decisions a second.

    python -m tests.benchmarks.rollout_speed

AgentDojo's banking suite with all of its injections, played by its ground truth with the real
Llama 3.1 tokenizer (from `llama-models`), in an engine whose slots are simulated: a sample takes as
long as it has tokens. Needs the package agentdojo. Exits with 1 unless sharing saves a fifth of the
samples, and eight slots are nine tenths as busy as with all requests at hand from the start (of
more slots, more stand empty while the last episodes end).
"""

from __future__ import annotations

import heapq
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from cb_datasets.engines import Generation, GenerationRequest, SamplingParams
from cb_datasets.rollouts import rollout
from cb_datasets.rollouts.agentdojo import AgentDojoEpisodes
from cb_datasets.rollouts.policies import PolicyEngine, StepByStep
from tests.formats.llama31.real_tokenizer import load_real_tokenizer

SLOTS = (8, 16)
_SAMPLE_SECONDS = 0.05
ATTACKS = ["important_instructions", "direct", "ignore_previous", "injecagent"]
CHOSEN: dict[str, Any] = {"suite": "banking", "attacks": ATTACKS}


class SimulatedEngine(PolicyEngine):
    """A policy in an engine with slots, in which a sample takes a tick for each of its tokens.

    Attributes:
        ticks: When the last sample was done.
        lengths: Of each sample, in the order in which they began.
        seconds: CPU time spent on the policy itself.
    """

    def __init__(self, policy: StepByStep, tokenizer: Any, slots: int) -> None:
        super().__init__("simulated", policy, tokenizer)
        self._slots = slots
        self.ticks = 0
        self.lengths: list[int] = []
        self.seconds = 0.0

    def generate(
        self, requests: Iterable[GenerationRequest | None], sampling: SamplingParams
    ) -> Iterator[Generation]:
        stream, order = iter(requests), count()
        running: list[tuple[int, int, Generation]] = []
        while True:
            # Worlds answer in the time that a sample takes.
            time.sleep(_SAMPLE_SECONDS)
            while len(running) < self._slots and (request := next(stream, None)) is not None:
                began = time.process_time()
                made = self.generation(request)
                self.seconds += time.process_time() - began
                self.lengths.append(len(made.token_ids))
                heapq.heappush(running, (self.ticks + self.lengths[-1], next(order), made))
            if not running:
                return
            self.ticks, _, made = heapq.heappop(running)
            yield made


def ticks_at_best(lengths: Iterable[int], slots: int) -> int:
    """When the last of these samples is done, if each begins as soon as a slot is free."""
    free = [0] * slots
    for length in lengths:
        heapq.heapreplace(free, free[0] + length)
    return max(free)


def main() -> int:
    tokenizer = load_real_tokenizer()
    source = AgentDojoEpisodes(**CHOSEN)
    policy = StepByStep(list(source.episodes()), source, tokenizer, seed=0)
    print("slots  episodes  decisions  samples saved  as busy as at best  decisions a CPU second")
    good = True
    for slots in SLOTS:
        engine = SimulatedEngine(policy, tokenizer, slots)
        with tempfile.TemporaryDirectory() as scratch:
            began = time.process_time()
            report = rollout(
                "agentdojo",
                engine,
                Path(scratch, "rollouts"),
                episodes=CHOSEN,
                max_turns=30,
                trajectories=4 * slots,
            )
            seconds = time.process_time() - began - engine.seconds
        decisions = report.decisions.total()
        saved = 1 - report.decisions["sampled"] / decisions
        busy = ticks_at_best(engine.lengths, slots) / engine.ticks
        print(
            f"{slots:5}{report.episodes:10}{decisions:11}{saved:15.1%}{busy:20.1%}"
            f"{decisions / seconds:24.0f}"
        )
        good = good and saved >= 0.2 and (busy >= 0.9 or slots > min(SLOTS))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
