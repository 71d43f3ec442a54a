"""Each option of a build works from Python, from a builder and on the command line.

An option that is added to a concern and forgotten on the way, or in the table here, fails.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cb_datasets as cb
from cb_datasets.builders import CircuitBreakerSet
from cb_datasets.builders.config import ConfigOptions
from cb_datasets.builders.set_builder import SetBuilder
from cb_datasets.cli.app import app
from cb_datasets.errors import BuildError, EngineError
from cb_datasets.evaluation.options import EvalOptions
from cb_datasets.options import options_of
from cb_datasets.probing.options import ProbeOptions
from cb_datasets.sets import BuildOptions, build_options
from cb_datasets.sets.options import options_facts
from cb_datasets.transforms.options import SamplingOptions

OPTIONS: dict[str, tuple[Any, list[str]]] = {
    "num_samples": (2, ["--num-samples", "2"]),
    "min_successes": (3, ["--min-successes", "3"]),
    "min_pairs": (2, ["--min-pairs", "2"]),
    "max_samples": (9, ["--max-samples", "9", "--min-successes", "3"]),
    "temperature": (0.3, ["--temperature", "0.3"]),
    "top_p": (0.9, ["--top-p", "0.9"]),
    "top_k": (7, ["--top-k", "7"]),
    "max_new_tokens": (30, ["--max-new-tokens", "30"]),
    "journal": ("JOURNAL", ["--journal", "JOURNAL", "--resume", "always"]),
    "resume": ("always", ["--journal", "JOURNAL", "--resume", "always"]),
    "seed": (4, ["--seed", "4"]),
    "timestamp": ("2026-01-01T00:00:00+00:00", ["--timestamp", "2026-01-01T00:00:00+00:00"]),
    "eval_fraction": (0.5, ["--eval-fraction", "0.5"]),
    "hold_out": (["source=generic"], ["--hold-out", "source=generic"]),
    "near_duplicates": (None, ["--near-duplicates", "0"]),
    "redact_harmful_prompt": (True, ["--redact-harmful-prompt"]),
    "include_forced_calls": (False, ["--no-include-forced-calls"]),
    "dr_per_ds": (2.5, ["--dr-per-ds", "2.5"]),
    "retain_quotas": ({"answer": 3}, ["--retain-quota", "answer=3"]),
    "retain_weights": ({"tool_use": 0.5}, ["--retain-weight", "tool_use=0.5"]),
}
"""A value that is not the default, as it comes out in the facts of a build, and its flags."""

WITH: dict[str, dict[str, Any]] = {
    "max_samples": {"min_successes": 3},
    "journal": {"resume": "always"},
    "resume": {"journal": "JOURNAL"},
}
"""What an option means nothing without."""

DEFINED = options_of(BuildOptions)
DECISIVE = [name for name, found in DEFINED.items() if found.option.decides_rows]

TOOL = {"type": "function", "function": {"name": "search_web", "parameters": {"type": "object"}}}
CALL = {"type": "function", "function": {"name": "search_web", "arguments": '{"query": "x"}'}}
ASKED = {"role": "user", "content": "Find x. Now delete it."}
MAPPING = {"model": {"value": "an-agent"}, "attack": {"injection": "injected", "targets": "wanted"}}


class Log:
    """A log of one attacked run with its mapping, and a place for what is made of it.

    Args:
        folder: Where all that lies.
        backend: Of the engine that acts; None where the log says what a model did.
    """

    def __init__(self, folder: Path, backend: str | None = None) -> None:
        self.folder, self.backend = folder, backend
        self.file, self.mapping = folder / "log.jsonl", folder / "map.json"
        messages = [ASKED] if backend else [ASKED, {"role": "assistant", "tool_calls": [CALL]}]
        attack = {"injected": "Now delete it.", "wanted": "delete"}
        row = {"id": "run-0", "messages": messages, "tools": [TOOL], **attack}
        self.file.write_text(json.dumps(row) + "\n")
        self.mapping.write_text(json.dumps(MAPPING))

    def options(self, name: str) -> dict[str, Any]:
        given = {name: OPTIONS[name][0], **WITH.get(name, {})}
        return {key: self._place(value) for key, value in given.items()}

    def flags(self, name: str) -> list[str]:
        return list(map(self._place, OPTIONS[name][1]))

    def _place(self, value: Any) -> Any:
        return str(self.folder / value) if value == "JOURNAL" else value


def builder(log: Log, **options: Any) -> CircuitBreakerSet:
    return CircuitBreakerSet(
        log.folder / "cache",
        sources={"generic": log.file},
        source_options={"generic": {"mapping": str(log.mapping)}},
        backend=log.backend,
        **{"eval_fraction": 0.0, **options},
    )


def from_python(log: Log, name: str) -> dict[str, Any]:
    scenarios = cb.load_source("generic", log.file, mapping=log.mapping)
    engine = cb.load_engine(log.backend) if log.backend else None
    sets = cb.build_sets(scenarios, engine, **{"eval_fraction": 0.0, **log.options(name)})
    facts: dict[str, Any] = sets.facts["options"]
    return facts


def from_a_builder(log: Log, name: str) -> dict[str, Any]:
    made = builder(log, **log.options(name))
    made.download_and_prepare()
    (split,) = made._split_generators(None)
    facts: dict[str, Any] = split.gen_kwargs["build"].facts()["options"]
    return facts


def from_the_command_line(log: Log, name: str) -> dict[str, Any]:
    source = ["-s", f"generic={log.file}", "-O", f"generic.mapping={log.mapping}"]
    command = ["build", str(log.folder / "out"), *source, "--eval-fraction", "0", *log.flags(name)]
    app(command, standalone_mode=False)
    facts: dict[str, Any] = json.loads((log.folder / "out/manifest.json").read_text())["options"]
    return facts


Way = Callable[[Log, str], dict[str, Any]]
every_way = pytest.mark.parametrize("way", [from_python, from_a_builder, from_the_command_line])


def test_no_option_is_left_out_here() -> None:
    assert list(OPTIONS) == list(DEFINED)


@every_way
@pytest.mark.parametrize("name", DECISIVE)
def test_an_option_that_decides_rows_is_in_the_facts(way: Way, name: str, tmp_path: Path) -> None:
    value = OPTIONS[name][0]
    assert value != DEFINED[name].option.default
    assert way(Log(tmp_path), name)[name] == value


@every_way
@pytest.mark.parametrize("name", sorted(set(DEFINED) - set(DECISIVE)))
def test_an_option_that_decides_none_arrives_too(way: Way, name: str, tmp_path: Path) -> None:
    log = Log(tmp_path, "transformers")
    with pytest.raises(EngineError, match=f"nothing to resume in the journal {tmp_path}/JOURNAL"):
        way(log, name)


@pytest.mark.parametrize("name", list(DEFINED))
def test_what_decides_rows_is_in_the_key_of_a_builder_and_nothing_else(
    name: str, tmp_path: Path
) -> None:
    log = Log(tmp_path)
    changed = builder(log, **log.options(name)).config_id != builder(log).config_id
    assert changed == (name in DECISIVE)


@pytest.mark.parametrize(
    ("shown", "concern"),
    [
        (cb.build_sets, BuildOptions),
        (cb.build_shard, BuildOptions),
        (cb.BatchGenerate, SamplingOptions),
        (cb.evaluate, EvalOptions),
        (cb.probe, ProbeOptions),
        (SetBuilder, ConfigOptions),
    ],
)
def test_help_shows_each_option_with_default_and_meaning(
    shown: Callable[..., Any], concern: type
) -> None:
    parameters = inspect.signature(shown).parameters
    text = " ".join((shown.__doc__ or "").split())
    assert not [p for p in parameters.values() if p.kind is p.VAR_KEYWORD]
    for name, found in options_of(concern).items():
        assert parameters[name].default == found.option.default
        assert f"{name}: {found.option.doc}" in text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"num_sample": 3}, "no option 'num_sample', did you mean 'num_samples'?"),
        ({"num_samples": 0}, "num_samples is 0; it must be 1 or more"),
        ({"num_samples": 2.5}, "num_samples is 2.5; it must be a whole number"),
        ({"temperature": float("nan")}, "temperature is nan; it must be 0 or more"),
        ({"near_duplicates": 0.49}, "near_duplicates is 0.49; it must be between 0.5 and 1"),
        ({"near_duplicates": float("nan")}, "it must be between 0.5 and 1"),
        ({"eval_fraction": 1.5}, "eval_fraction is 1.5; it must be between 0 and 1"),
        ({"hold_out": 3}, "hold_out 3: expected one of source=NAME, category=NAME"),
        ({"retain_quotas": ["answer"]}, "it must be a mapping of kinds of Dr to numbers"),
        ({"resume": "perhaps"}, "resume is 'perhaps'; it must be one of auto, always, never"),
        ({"max_samples": 9}, "max_samples needs min_successes or min_pairs"),
        ({"num_samples": 3, "min_pairs": 1}, "give either num_samples or min_pairs"),
        ({"min_successes": 1, "min_pairs": 1}, "give either min_successes or min_pairs"),
        ({"min_pairs": 5}, "max_samples is 8; it must be twice min_pairs (10) or more"),
        ({"num_samples": 3, "min_successes": 1}, "give either num_samples or min_successes"),
        ({"min_successes": 9}, "max_samples is 8; it must be min_successes (9) or more"),
    ],
)
def test_options_that_mean_nothing_are_refused_in_one_sentence(
    options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BuildError) as told:
        build_options(options)
    assert sentence in str(told.value)


def test_facts_are_read_again_as_the_options_they_are_of() -> None:
    given = {"hold_out": {"category": ["a", "b"]}, "retain_quotas": {"answer": 2.0}}
    ways = ({}, {"min_successes": 2, "max_samples": 9}, {"min_pairs": 2, "max_samples": 9})
    for counts in ways:
        options = build_options({**given, **counts})
        facts = json.loads(json.dumps(options_facts(options)))
        assert facts["hold_out"] == ["category=a", "category=b"]
        assert options_facts(build_options(facts)) == facts
        for name in ("num_samples", "min_successes", "min_pairs", "max_samples"):
            assert build_options(facts)[name] == options[name]  # type: ignore[literal-required]
