"""The state of sampling as it is told: counts, rates of the last intervals, and what is left."""

from __future__ import annotations

import json
import threading

from cb_datasets.cli.sampling_log import SamplingLog, json_line
from cb_datasets.engines import Generation
from cb_datasets.sets.set_build import Sampled


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def sample(outcome: str, finished: int, tokens: int = 10, *, kept: bool = False) -> Sampled:
    generation = Generation("s#sample0", [0] * tokens, "said", "stop", kept=kept)
    return Sampled(generation, outcome, finished, 40)


def test_rates_are_those_of_the_last_intervals_and_counts_are_of_all() -> None:
    clock = Clock()
    log = SamplingLog(clock)
    for number in range(6):
        for outcome in ("attack_success", "attack_success", "correct_tool", "error"):
            log.sample(sample(outcome, finished=number + 1))
        clock.now += 2
        line = json.loads(json_line(log))
    assert line["event"] == "sampling"
    assert (line["samples"], line["tokens"], line["elapsed_s"]) == (24, 240, 12.0)
    assert (line["samples_per_s"], line["tokens_per_s"]) == (2.0, 20.0)
    assert line["outcomes"] == {"attack_success": 12, "correct_tool": 6, "error": 6}
    assert line["yield"] == {"attack_success": 0.5, "correct_tool": 0.25, "error": 0.25}
    assert (line["scenarios_finished"], line["scenarios"]) == (6, 40)
    assert line["eta_s"] == 34 / 0.5
    for _ in range(6):
        clock.now += 10
        stalled = log.line()
    assert stalled["samples"] == 24
    assert (stalled["samples_per_s"], stalled["tokens_per_s"]) == (0.0, 0.0)
    assert stalled["eta_s"] is None


def test_nothing_yet_and_all_done_are_told_as_well() -> None:
    clock = Clock()
    log = SamplingLog(clock)
    assert log.line()["samples_per_s"] == 0.0
    log.sample(sample("refusal", finished=40))
    assert log.line()["eta_s"] == 0.0
    assert log.outcomes() == "refusal 100%"


def test_an_interval_ends_although_no_sample_comes() -> None:
    told: list[str] = []
    twice = threading.Event()

    def write(log: SamplingLog) -> None:
        told.append(json_line(log))
        if len(told) == 2:
            twice.set()

    with SamplingLog().every(0.01, write):
        assert twice.wait(60)
    assert json.loads(told[-1])["samples"] == 0
