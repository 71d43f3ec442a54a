"""Every option of a build, from Python, from a builder and from the command line."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

import cb_datasets as cb
from cb_datasets.builders import CircuitBreakerEval, CircuitBreakerSet, PairsSet, RetainSet
from cb_datasets.builders.config import make_config
from cb_datasets.options import options_of
from cb_datasets.sets import build_options
from cb_datasets.sets.options import BuildOptions
from tests.cli.command import exit_code

OPTIONS = options_of(BuildOptions)

# For each option another value than its default, and the flags that say so.
GIVEN: dict[str, tuple[Any, str]] = {
    "num_samples": (3, "--num-samples 3"),
    "min_successes": (2, "--min-successes 2"),
    "min_pairs": (2, "--min-pairs 2"),
    "max_samples": (4, "--min-successes 2 --max-samples 4"),
    "temperature": (0.2, "--temperature 0.2"),
    "top_p": (0.9, "--top-p 0.9"),
    "top_k": (7, "--top-k 7"),
    "max_new_tokens": (64, "--max-new-tokens 64"),
    "journal": ("kept", "--journal kept"),
    "resume": ("never", "--resume never"),
    "seed": (11, "--seed 11"),
    "timestamp": ("2026-01-02T00:00:00+00:00", "--timestamp 2026-01-02T00:00:00+00:00"),
    "eval_fraction": (0.5, "--eval-fraction 0.5"),
    "hold_out": (("category=hidden_text",), "--hold-out category=hidden_text"),
    "near_duplicates": (0.8, "--near-duplicates 0.8"),
    "redact_harmful_prompt": (True, "--redact-harmful-prompt"),
    "include_forced_calls": (False, "--no-include-forced-calls"),
    "dr_per_ds": (2.0, "--dr-per-ds 2"),
    "retain_quotas": ({"refusal": 3}, "--retain-quota refusal=3"),
    "retain_weights": ({"refusal": 1.0}, "--retain-weight refusal=1"),
}


def asked(name: str) -> dict[str, Any]:
    """The option, with the one that it goes with."""
    return (
        {"min_successes": 2, name: GIVEN[name][0]}
        if name == "max_samples"
        else {name: GIVEN[name][0]}
    )


def test_the_table_above_has_every_option() -> None:
    assert GIVEN.keys() == OPTIONS.keys()


@pytest.mark.parametrize(
    "takes", [cb.build_sets, CircuitBreakerSet, RetainSet, PairsSet, CircuitBreakerEval]
)
def test_help_shows_every_option_with_its_default(takes: Any) -> None:
    shown = inspect.signature(takes).parameters
    meanings = "".join(part.__doc__ or "" for part in getattr(takes, "__mro__", (takes,)))
    for name, found in OPTIONS.items():
        assert shown[name].default == found.option.default, name
        assert f"{name}: " in meanings, name


@pytest.mark.parametrize("name", OPTIONS)
def test_python_and_builder_read_it_alike(name: str) -> None:
    read = build_options(asked(name))[name]  # type: ignore[literal-required]
    assert read == GIVEN[name][0]
    assert read != OPTIONS[name].option.default
    config, plain = (make_config("demo", None, given) for given in (asked(name), {}))
    assert getattr(config, name) == read
    # The cache of a builder goes by what decides rows, and by nothing else.
    other = config.create_config_id({}) != plain.create_config_id({})
    assert other == OPTIONS[name].option.decides_rows


@pytest.mark.parametrize("name", OPTIONS)
def test_a_flag_reaches_the_build(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reached: dict[str, Any] = {}

    class ReachedError(Exception):
        pass

    def build_sets(*_: Any, **options: Any) -> None:
        reached.update(options)
        raise ReachedError

    monkeypatch.setattr("cb_datasets.sets.build_sets", build_sets)
    with pytest.raises(ReachedError):
        exit_code("build", str(tmp_path / "out"), *GIVEN[name][1].split())
    assert reached[name] == GIVEN[name][0]
    assert list(tmp_path.iterdir()) == []


def test_a_builder_that_samples_until_enough_gives_the_rows_of_build_sets(
    tmp_path: Path, demo_samples: Path
) -> None:
    enough = {"min_successes": 1, "max_samples": 2, "journal": str(demo_samples)}
    builder = CircuitBreakerSet(config_name="demo", cache_dir=str(tmp_path), **enough)
    builder.download_and_prepare()
    sets = cb.build_sets(cb.load_source("demo"), cb.load_engine(), **enough)
    assert builder.as_dataset(split="train")["id"][:] == sets.ds["id"][:]
    assert len(sets.ds)
