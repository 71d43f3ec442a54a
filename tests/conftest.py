"""What all tests share: fixtures of several rooms, real data, a cache of their own."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

# One thread each: the models are tiny, tests run side by side, and torch's threads spin.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest

pytest_plugins = [
    "tests.fixtures.demo_samples",
    "tests.fixtures.folders",
    "tests.fixtures.hub",
    "tests.fixtures.noise_llama",
    "tests.fixtures.random_llama",
    "tests.fixtures.upstream",
]

_BESIDE_THE_PROJECT = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files marked `long`: side by side, none of them is then the last."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was not tested and why: a reason a line, the commonest first."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", ()):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        reasons[str(reason).removeprefix("Skipped: ")] += 1
    if reasons:
        terminalreporter.section(f"not run: {reasons.total()}")
    for reason, count in reasons.most_common():
        terminalreporter.line(f"{count:4} {reason}")


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real upstream data; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("CB_DATASETS_REALDATA") or _BESIDE_THE_PROJECT)
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set CB_DATASETS_REALDATA to its folder)")
    return folder


@pytest.fixture(autouse=True, scope="session")
def _datasets_cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what the tests write out of the user's cache."""
    import datasets

    folder = tmp_path_factory.mktemp("datasets_cache")
    datasets.config.HF_DATASETS_CACHE = folder
    # For the processes that tests begin.
    os.environ["HF_DATASETS_CACHE"] = str(folder)
