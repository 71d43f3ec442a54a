"""AgentDojo's suites as environments: its own ground truths are the reference."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cb_datasets.environments.agentdojo import (
    AgentDojoEnvironment,
    agentdojo_suite,
    solution,
    suite_tools,
)
from cb_datasets.errors import EpisodeError

pytest.importorskip("agentdojo", reason="the package agentdojo is not installed")

SUITES = ("banking", "slack", "travel", "workspace")


@pytest.fixture(scope="module", params=SUITES)
def environment(request: pytest.FixtureRequest) -> AgentDojoEnvironment:
    return AgentDojoEnvironment(agentdojo_suite(request.param, "v1.2.2"))


def play(environment: AgentDojoEnvironment, user_task: str, attacker: str | None, solved: str):
    environment.reset({"user_task": user_task, "injection_task": attacker})
    for name, arguments in solution(environment.suite, solved):
        environment.call(name, arguments)
    tasks = {**environment.suite.injection_tasks, **environment.suite.user_tasks}
    return environment.score(tasks[solved].GROUND_TRUTH_OUTPUT)


def test_the_ground_truth_of_every_user_task_has_utility(environment: AgentDojoEnvironment):
    suite = environment.suite
    _, (allowed, _) = suite.check(check_injectable=False)
    failed = {task for task in suite.user_tasks if not play(environment, task, None, task).utility}
    assert failed == {task for task, (solved, _) in allowed.items() if not solved} == set()


def test_the_ground_truth_of_every_injection_task_meets_its_goal(
    environment: AgentDojoEnvironment,
):
    user_task = next(iter(environment.suite.user_tasks))
    won = {
        task: play(environment, user_task, task, task).attack_won
        for task in environment.suite.injection_tasks
    }
    _, (_, allowed) = environment.suite.check(check_injectable=False)
    assert won == allowed
    assert not any(
        play(environment, user_task, task, user_task).attack_won
        for task in environment.suite.injection_tasks
    )


def test_messages_and_tools_are_agentdojos(environment: AgentDojoEnvironment):
    task = next(iter(environment.suite.user_tasks.values()))
    start = environment.reset({"user_task": task.ID})
    assert [m["role"] for m in start.messages] == ["system", "user"]
    assert start.messages[1]["content"] == task.PROMPT
    assert start.tools == suite_tools(environment.suite)
    assert len(start.tools) == len(environment.suite.tools)


def test_injections_stand_where_they_are_put_and_unknown_ones_are_named():
    environment = AgentDojoEnvironment(agentdojo_suite("slack", "v1.2.2"))
    places = environment.suite.get_injection_vector_defaults()
    environment.reset({"user_task": "user_task_0", "injections": dict.fromkeys(places, "XYZZY")})
    seen = environment.call("read_channel_messages", {"channel": "general"})
    pages = environment.call("get_webpage", {"url": "www.informations.com"})
    assert "XYZZY" in seen.content + pages.content
    with pytest.raises(EpisodeError, match="the suite slack cannot hold these injections"):
        environment.reset({"user_task": "user_task_0", "injections": {"nowhere": "x"}})
    with pytest.raises(EpisodeError, match="the suite slack has no task 'user_task_99'"):
        environment.reset({"user_task": "user_task_99"})


def test_errors_of_tools_are_observations():
    environment = AgentDojoEnvironment(agentdojo_suite("banking", "v1.2.2"))
    environment.reset({"user_task": "user_task_0"})
    assert environment.call("fly", {}).text == "Invalid tool fly provided."
    assert "ValidationError" in environment.call("send_money", {"amount": 5}).text


def test_episodes_are_alike_in_processes_that_order_sets_otherwise():
    code = """
from cb_datasets.environments.agentdojo import *
environment = AgentDojoEnvironment(agentdojo_suite("workspace", "v1.2.2"))
environment.reset({"user_task": "user_task_0"})
people = [f"p{n}@x.org" for n in range(9)]
times = {"start_time": "2024-05-20 10:00", "end_time": "2024-05-20 11:00"}
print(environment.call("create_calendar_event", {"title": "a", "participants": people, **times}))
mail = {"recipients": people, "subject": "s", "body": "b"}
print(environment.call("send_email", mail))
"""
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1
    assert "p8@x.org" in said.pop()


def test_importing_the_library_does_not_import_agentdojo():
    code = "import sys, cb_datasets, cb_datasets.sources; print('agentdojo' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
