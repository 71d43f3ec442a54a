"""Timing within one run: contenders take turns, and the best of their rounds counts."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROUNDS = 7
_BESIDE_THE_PROJECT = Path(__file__).parents[3] / "shared" / "data"


def cpu_seconds(
    contenders: Mapping[str, Callable[[], object]], rounds: int = ROUNDS
) -> dict[str, float]:
    """CPU seconds of each contender: its best of several rounds, the contenders taking turns."""
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, run in contenders.items():
            began = time.process_time()
            run()
            best[name] = min(best[name], time.process_time() - began)
    return best


def realdata() -> Path:
    """The folder of real upstream data."""
    return Path(os.environ.get("CB_DATASETS_REALDATA") or _BESIDE_THE_PROJECT)
