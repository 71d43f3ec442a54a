"""How far work is, as people see it: on a terminal, and where there is none."""

from __future__ import annotations

import io
import re
import signal
import sys
import threading
from pathlib import Path

import pytest

import cb_datasets.cli.progress
from cb_datasets.cli.progress import Work, progress
from cb_datasets.cli.sampling_log import SamplingLog
from tests.cli.test_sampling_log import Clock, sample
from tests.on_terminal import begun_on_terminal

_STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_LINE = re.compile(
    r"(\d+)/(\d+) scenarios ━+ (\d[\d.]*) samples/(?:s|min|h) eta \d+:\d\d:\d\d (\w+ \d+%)"
)


@pytest.mark.parametrize("columns", [80, 120])
def test_count_rate_time_left_and_yield_are_all_seen_on_a_terminal(
    asked: list[str], tmp_path: Path, columns: int
) -> None:
    build = ["build", str(tmp_path / "out"), *asked, "--num-samples", "500", "--batch-size", "2"]
    seen = ""
    with begun_on_terminal(build, columns=columns) as (process, pieces):
        for piece in pieces:
            seen += piece
            if found := _LINE.search(_STEERING.sub("", seen)):
                process.send_signal(signal.SIGINT)
                break
    assert found, seen
    line = next(part for part in re.split(r"[\r\n]", _STEERING.sub("", seen)) if found[0] in part)
    assert len(line) <= columns
    assert float(found[3]) > 0


def test_a_rate_is_never_nothing_while_something_is_done() -> None:
    clock = Clock()
    work = Work("rows", 100, clock=clock)
    assert str(work.state()) == "0/100 rows, - rows/s, eta -:--:--"
    for _ in range(100):
        clock.now += 1
        work.state()
    work(1)
    assert str(work.state()) == "1/100 rows, 2.1 rows/min, eta 0:47:51"
    for _ in range(100):
        clock.now += 1
        state = work.state()
    assert state.rate == "18 rows/h"
    work(99)
    clock.now += 1
    assert work.state().eta == "eta 0:00:00"


def test_samples_tell_the_time_left_before_a_scenario_is_finished() -> None:
    clock = Clock()
    log = SamplingLog(clock, a_scenario=10)
    work = Work("scenarios", 40, log, clock)
    clock.now += 10
    for outcome in ("correct_tool", "correct_tool", "attack_success", "error"):
        log.sample(sample(outcome, finished=0))
    assert str(work.state()) == (
        "0/40 scenarios, 24 samples/min, eta 0:16:30, "
        "attack_success 25%, error 25%, correct_tool 50%"
    )


def test_samples_from_the_journal_are_counted_and_make_no_rate() -> None:
    clock = Clock()
    log = SamplingLog(clock, a_scenario=10)
    work = Work("scenarios", 40, log, clock)
    for _ in range(300):
        log.sample(sample("correct_tool", finished=30, kept=True))
    clock.now += 10
    assert work.state().rate == "- samples/s"
    log.sample(sample("correct_tool", finished=30))
    clock.now += 10
    state = work.state()
    assert (state.rate, state.eta) == ("3.0 samples/min", "eta 0:33:00")
    assert (log.samples, log.from_journal) == (301, 300)


def test_without_a_terminal_there_is_a_plain_line_an_interval_and_one_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = threading.Event()

    class Log(io.StringIO):
        def write(self, text: str) -> int:
            told.set()
            return super().write(text)

    monkeypatch.setattr(sys, "stderr", Log())
    monkeypatch.setattr(cb_datasets.cli.progress, "PLAIN_SECONDS", 0.01)
    with progress("rows", 8) as work:
        work(2)
        assert told.wait(60)
        work(6)
    *lines, last = sys.stderr.getvalue().splitlines()
    assert lines
    assert all(re.fullmatch(r"cb-datasets: [28]/8 rows, .* rows/\w+, eta .*", x) for x in lines)
    assert last.startswith("cb-datasets: 8/8 rows, ")
    assert last.endswith(" eta 0:00:00")


def test_work_of_less_than_an_interval_says_nothing_without_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress("rows", 8) as work:
        work(8)
    assert capsys.readouterr().err == ""
