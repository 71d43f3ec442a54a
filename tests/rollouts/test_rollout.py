"""Episodes played by scripts: how they end, what is kept of them, and that they can be taken up."""

from __future__ import annotations

import gzip
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import cb_datasets as cb
from cb_datasets.environments import Observation
from cb_datasets.errors import BuildError, EpisodeError
from cb_datasets.rollouts import rollout
from cb_datasets.transforms import FormatPrompt
from tests.rollouts.scripted_engine import ScriptedEngine, call, calls, says
from tests.rollouts.worlds import INJECTION, Houses


def obeys(prompt: str, turn: int) -> str:
    """Looks, does what a note asks for, then opens the door."""
    steps = [call("look")]
    if INJECTION in prompt:
        steps.append(call("give", to="Mallory"))
    steps += [call("open_door", key="brass"), says("It is open.")]
    return steps[min(turn, len(steps) - 1)]


def resists(prompt: str, turn: int) -> str:
    return [call("look"), call("open_door", key="brass"), says("Done.")][min(turn, 2)]


def play(script: Any, folder: Path, *, attacks: int = 1, **options: Any) -> tuple[Any, list[Any]]:
    engine = ScriptedEngine(script)
    report = rollout(Houses(attacks), engine, folder, timestamp="2026-01-01", **options)
    with gzip.open(folder / "trajectories.jsonl.gz", "rt") as lines:
        return (report, engine), list(map(json.loads, lines))


def test_an_episode_is_kept_decision_by_decision(tmp_path: Path):
    (report, _), (benign, attacked) = play(obeys, tmp_path / "out")
    assert (report.episodes, report.attacked, report.solved) == (2, 1, 2)
    assert [d["calls"][0]["name"] for d in attacked["decisions"][:-1]] == [
        *("look", "give", "open_door")
    ]
    assert attacked["stop"] == benign["stop"] == "answered"
    assert [m["role"] for m in attacked["messages"]] == [
        *("user", "assistant", "tool", "assistant", "tool", "assistant", "tool", "assistant")
    ]
    assert INJECTION in attacked["messages"][2]["content"]


def test_prompts_of_scenarios_are_those_that_the_engine_read(tmp_path: Path):
    _, lines = play(obeys, tmp_path / "out", attacks=3)
    read = {
        (f"rollouts/{line['id']}", d["message"]): d["prompt_token_ids"]
        for line in lines
        for d in line["decisions"]
    }
    scenarios = cb.load_source("rollouts", tmp_path / "out", turns="all")
    formatted = scenarios.map(FormatPrompt("cb_datasets/tiny-agent"), batched=True)
    assert len(formatted) == sum(len(line["decisions"]) for line in lines)
    for row in formatted.filter(lambda row: row["set_aside"] is None):
        name = row["id"].partition("#turn")[0]
        assert row["prompt_token_ids"] == read[name, len(row["messages"])]


def test_attacked_and_benign_episodes_are_sampled_once_until_the_injection_shows(tmp_path: Path):
    (report, engine), lines = play(obeys, tmp_path / "out", attacks=4)
    decisions = sum(len(line["decisions"]) for line in lines)
    assert report.decisions.total() == decisions
    assert report.decisions["sampled"] == len(engine.made) == decisions - 4
    assert report.decisions["joined"] + report.decisions["kept"] == 4
    first = {tuple(line["decisions"][0]["prompt_token_ids"]) for line in lines}
    assert len(first) == 1


def test_the_harmful_decision_is_in_ds_and_sample_0_costs_nothing(tmp_path: Path):
    play(obeys, tmp_path / "out", attacks=2)
    scenarios = cb.load_source("rollouts", tmp_path / "out")
    engine = ScriptedEngine(obeys)
    sets = cb.build_sets(scenarios, engine, num_samples=1, eval_fraction=0)
    assert engine.made == []
    assert [row["tool_calls_structured"][0]["name"] for row in sets.ds] == ["give", "give"]
    assert {row["provenance"]["origin"] for row in sets.ds} == {"generated"}
    assert {row["provenance"]["judged_by"] for row in sets.ds} == {"patterns"}
    assert [row["labels"]["kind"] for row in sets.dr] == ["benign_twin"]
    engine = ScriptedEngine(obeys)
    cb.build_sets(scenarios, engine, num_samples=3, eval_fraction=0)
    assert len(engine.made) == 2 * 3


def test_another_model_makes_every_sample_itself(tmp_path: Path):
    play(obeys, tmp_path / "out")
    engine = ScriptedEngine(resists)
    engine.revision = "2"
    scenarios = cb.load_source("rollouts", tmp_path / "out")
    sets = cb.build_sets(scenarios, engine, num_samples=1, eval_fraction=0)
    assert len(engine.made) == 2
    assert len(sets.ds) == 0


def test_resisting_counts_only_with_the_injection_in_view(tmp_path: Path):
    def blind(prompt: str, turn: int) -> str:
        return [call("open_door", key="brass"), says("Done.")][min(turn, 1)]

    play(blind, tmp_path / "blind")
    _, attacked = cb.load_source("rollouts", tmp_path / "blind")
    assert attacked["set_aside"].startswith("injection_not_in_view")
    play(resists, tmp_path / "seen")
    _, attacked = cb.load_source("rollouts", tmp_path / "seen")
    assert attacked["set_aside"] is None
    assert attacked["attack"]["injection"] in attacked["messages"][2]["content"]


@pytest.mark.parametrize(
    ("said", "stop"),
    [
        (says("I will not."), "answered"),
        (call("look"), "max_turns"),
        ("I begin to", "truncated"),
        ('<|python_tag|>{"name": "look", <|eom_id|>', "malformed"),
        (says(" "), "malformed"),
    ],
)
def test_every_end_has_its_name(tmp_path: Path, said: str, stop: str):
    (report, _), lines = play(lambda prompt, turn: said, tmp_path / "out", max_turns=3)
    assert {line["stop"] for line in lines} == {stop}
    assert report.stops == {stop: 2}
    assert all(not line["utility"] for line in lines)


def test_parallel_calls_are_made_in_order_and_errors_are_read(tmp_path: Path):
    def both(prompt: str, turn: int) -> str:
        made = calls(("open_door", {"key": "iron"}), ("fly", {}), ("open_door", {"key": "brass"}))
        return [made, says("Done.")][min(turn, 1)]

    _, (benign, _) = play(both, tmp_path / "out")
    assert [m["content"] for m in benign["messages"] if m["role"] == "tool"] == [
        *("the iron key does not fit", "there is no tool fly", "It is open.")
    ]
    assert benign["utility"] is True


def test_a_tool_that_hangs_ends_its_episode_and_no_other(tmp_path: Path):
    def sleepy(prompt: str, turn: int) -> str:
        steps = [call("look"), call("sleep") if INJECTION in prompt else says("Done.")]
        return steps[min(turn, 1)]

    began = time.monotonic()
    (report, _), (benign, attacked) = play(sleepy, tmp_path / "out", call_timeout=0.5)
    assert time.monotonic() - began < 30
    assert (benign["stop"], attacked["stop"]) == ("answered", "call_timeout")
    assert report.stops == {"answered": 1, "call_timeout": 1}
    row = cb.load_source("rollouts", tmp_path / "out")[1]
    assert row["set_aside"].startswith("call_timeout")


def test_a_world_that_breaks_ends_its_episode(tmp_path: Path):
    class Broken(Houses):
        def environment(self):
            world = Houses.environment(self)
            world.call = lambda name, arguments: 1 / 0
            return world

    engine = ScriptedEngine(obeys)
    report = rollout(Broken(), engine, tmp_path / "out")
    assert report.stops == {"environment_error": 2}
    lines = gzip.decompress((tmp_path / "out" / "trajectories.jsonl.gz").read_bytes())
    assert lines.count(b"ZeroDivisionError") == 2


@pytest.mark.parametrize("most", [1, 2, 16])
def test_an_interrupted_run_goes_on_to_the_same_bytes(tmp_path: Path, most: int):
    options = {"timestamp": "2026-01-01", "trajectories": most}
    whole = ScriptedEngine(obeys)
    rollout(Houses(5), whole, tmp_path / "whole", **options)
    made = 0
    for part in range(len(whole.made)):
        engine = ScriptedEngine(obeys, slots=part % 3 + 1, stop_after=1)
        journal = tmp_path / "journal"
        try:
            rollout(Houses(5), engine, tmp_path / "parts", journal=journal, **options)
            made += len(engine.made)
            break
        except RuntimeError:
            made += len(engine.made)
            assert not (tmp_path / "parts" / "rollout.json").exists()
    else:
        rollout(Houses(5), ScriptedEngine(obeys), tmp_path / "parts", journal=journal, **options)
    assert made == len(whole.made)
    for name in ("trajectories.jsonl.gz", "rollout.json"):
        parts = (tmp_path / "parts" / name).read_bytes()
        assert parts == (tmp_path / "whole" / name).read_bytes()


def test_the_recorded_observation_wins_and_drift_is_counted(tmp_path: Path, monkeypatch):
    journal = tmp_path / "journal"
    options = {"timestamp": "2026-01-01", "journal": journal}
    rollout(Houses(), ScriptedEngine(obeys), tmp_path / "first", **options)

    def look(self) -> str:
        """Look around."""
        return "Nothing but a storm."

    monkeypatch.setattr("tests.rollouts.worlds.House.look", look)
    report = rollout(Houses(), ScriptedEngine(obeys), tmp_path / "second", **options)
    assert report.drift == 2
    first = (tmp_path / "first" / "trajectories.jsonl.gz").read_bytes()
    assert (tmp_path / "second" / "trajectories.jsonl.gz").read_bytes() == first


def test_models_that_share_a_journal_read_what_their_own_worlds_say(tmp_path: Path):
    class Doors(Houses):
        def environment(self):
            world = Houses.environment(self)
            call_tool, house = world.call, world._object

            def look(name, arguments):
                seen = call_tool(name, arguments)
                said = Observation("The door is open." if house.opened else "The door is shut.")
                return said if name == "look" else seen

            world.call = look
            return world

    def opens(prompt: str, turn: int) -> str:
        return [call("open_door", key="brass"), call("look"), says("Done.")][min(turn, 2)]

    def fails(prompt: str, turn: int) -> str:
        return [call("open_door", key="iron"), call("look"), says("Done.")][min(turn, 2)]

    for name, script in (("one", opens), ("other", fails)):
        engine = ScriptedEngine(script)
        engine.revision = name
        rollout(Doors(0), engine, tmp_path / name, journal=tmp_path / "journal")
        lines = gzip.decompress((tmp_path / name / "trajectories.jsonl.gz").read_bytes())
        assert (b"The door is open." in lines) == (name == "one")


def test_a_second_run_into_one_folder_is_refused_and_the_first_goes_on(tmp_path: Path):
    def plays_again(prompt: str, turn: int) -> str:
        with pytest.raises(BuildError, match="another process is writing"):
            rollout(Houses(), ScriptedEngine(obeys), tmp_path / "out")
        return obeys(prompt, turn)

    with ThreadPoolExecutor(1) as pool:
        first = ScriptedEngine(lambda *turn: pool.submit(plays_again, *turn).result())
        rollout(Houses(), first, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "trajectories.jsonl.gz",
        "rollout.json",
    }


def test_wrong_input_is_one_sentence(tmp_path: Path):
    engine = ScriptedEngine(obeys)
    with pytest.raises(EpisodeError, match=r"no episode source 'moon' \(known: agentdojo,"):
        rollout("moon", engine, tmp_path / "out")
    wrong = r"the episode source 'demo' has no option 'suite' \(known: rollouts\)"
    with pytest.raises(EpisodeError, match=wrong):
        rollout("demo", engine, tmp_path / "out", episodes={"suite": "banking"})
    with pytest.raises(EpisodeError, match="rollouts is 0; it must be 1 or more"):
        rollout("demo", engine, tmp_path / "out", episodes={"rollouts": 0})
    with pytest.raises(EpisodeError, match="max_turns is 0; it must be 1 or more"):
        rollout("demo", engine, tmp_path / "out", max_turns=0)
    rollout(Houses(), engine, tmp_path / "out")
    with pytest.raises(BuildError, match="holds trajectories already"):
        rollout(Houses(), engine, tmp_path / "out")
