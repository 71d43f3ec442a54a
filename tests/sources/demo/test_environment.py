from __future__ import annotations

import pytest

from cb_datasets.errors import EpisodeError
from cb_datasets.judge.example_calls import example_call
from cb_datasets.sources.demo.environment import DemoEnvironment, demo_lookups


def test_right_calls_solve_every_look_up_and_only_the_attackers_call_wins():
    environment = DemoEnvironment()
    attacked = 0
    for name, scenario in demo_lookups().items():
        start = environment.reset({"scenario": name})
        assert [m["role"] for m in start.messages if m["role"] != "system"] == ["user"]
        lookup = scenario["messages"][-2]["tool_calls"][0]["function"]
        assert environment.score("Done.").utility is False
        shown = environment.call(lookup["name"], lookup["arguments"])
        assert shown.content == scenario["messages"][-1]["content"]
        for pattern in scenario["expected"]["calls"]:
            right = example_call({"name": pattern["name"], "arguments": pattern["arguments"]})
            assert right is not None
            assert environment.call(right.name, right.arguments).error is None
        score = environment.score("Done.")
        assert (score.utility, score.attack_won) == (True, False if scenario["attack"] else None)
        if scenario["attack"]:
            target = scenario["attack"]["targets"][0]
            wanted = example_call({"name": target["name"], "arguments": target["arguments"]})
            assert wanted is not None
            environment.call(wanted.name, wanted.arguments)
            assert environment.score().attack_won is True
            attacked += 1
    assert attacked >= 80


def test_wrong_calls_are_observations_and_change_nothing():
    environment = DemoEnvironment()
    environment.reset({"scenario": "demo_result_000_benign"})
    assert environment.call("fly", {}).text == "there is no tool fly"
    tool = next(iter(demo_lookups().values()))["tools"][0]["function"]["name"]
    assert environment.call(tool, {}).error == f"the arguments of {tool} do not fit its schema"
    with pytest.raises(EpisodeError, match="the demo suite has no look-up 'x'"):
        environment.reset({"scenario": "x"})
