"""Samples are made once: by the dry run, or for the first of the three sets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from cb_datasets.engines.transformers.engine import TransformersEngine
from cb_datasets.sources.limit import some_groups
from tests.cli.command import run

SAMPLES = ["--num-samples", "2"]


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The keys of all samples that the engine is asked for; the cache is empty at first."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    keys: list[str] = []
    generate = TransformersEngine.generate

    def counted(self: TransformersEngine, requests: Iterable[Any], sampling: Any) -> Iterator[Any]:
        def seen() -> Iterator[Any]:
            for request in requests:
                if request is not None:
                    keys.append(request.key)
                yield request

        return generate(self, seen(), sampling)

    monkeypatch.setattr(TransformersEngine, "generate", counted)
    return keys


@pytest.mark.parametrize(
    "commands",
    [
        [["build", "--dry-run"], ["build", "out"]],
        [["ds", "ds.jsonl"], ["dr", "dr.jsonl"], ["eval", "eval.jsonl"]],
        [["build", "tried", "--limit", "2"], ["build", "out"]],
    ],
    ids=["dry run and build", "three sets", "a try and the build"],
)
def test_what_several_commands_ask_of_the_engine_is_what_one_build_asks(
    commands: list[list[str]],
    asked: list[str],
    requests: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    run(capsys, "build", "alone", *asked, *SAMPLES, "--no-journal")
    of_one_build = list(requests)
    assert len(of_one_build) > 4
    assert not list((tmp_path / "cache").rglob("*.journal"))
    requests.clear()
    first, *others = (run(capsys, *command, *asked, *SAMPLES)[1] for command in commands)
    assert sorted(requests) == sorted(of_one_build)
    assert f"samples are kept in {tmp_path / 'cache'}" in first
    assert all("of them came from the journal" in out for out in others)


def test_a_journal_is_wanted_or_not(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = ["--journal", str(tmp_path / "journal"), "--no-journal"]
    code, _, err = run(capsys, "build", str(tmp_path / "out"), *asked, *both)
    assert (code, "either --journal or --no-journal" in err) == (2, True)


def test_a_try_takes_groups_whole_and_the_card_says_so(
    demo: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], requests: list[str]
) -> None:
    tried = some_groups(demo, 10)
    taken = set(tried["group"])
    assert 0 < len(tried) <= 10
    assert list(tried["id"]) == [row["id"] for row in demo if row["group"] in taken]
    # Of all kinds; and what a smaller try has sampled is found by a larger one.
    more = some_groups(demo, 60)
    kinds = [{row["expected"]["behavior"] for row in rows} for rows in (more, demo)]
    assert kinds[0] == kinds[1]
    assert taken <= set(more["group"])
    assert len(set(some_groups(demo, 1)["group"])) == 1
    out = tmp_path / "out"
    run(capsys, "build", str(out), "--limit", "10", "--num-samples", "1")
    assert {key.rpartition("#")[0] for key in requests} <= set(tried["id"])
    card = (out / "README.md").read_text("utf-8")
    assert f"{len(demo)} scenarios, of which {len(tried)} were taken" in card
