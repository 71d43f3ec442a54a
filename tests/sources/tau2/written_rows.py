"""Rows of τ²-bench and τ-bench, written for a test."""

from __future__ import annotations

from typing import Any

from cb_datasets.records import Scenario
from cb_datasets.sources.rows import CONTAINER, RowPlace
from cb_datasets.sources.tau2 import SOURCE

PLACE = RowPlace("results.json", 4)
V1_PLACE = RowPlace("gpt-4o-retail.json", 2)
Row = dict[str, Any]


def call(name: str, requestor: str = "assistant", **arguments: Any) -> Row:
    return {"id": "", "name": name, "arguments": arguments, "requestor": requestor}


def agent(content: str | None = None, *calls: Row, **fields: Any) -> Row:
    return {"role": "assistant", "content": content, "tool_calls": list(calls) or None, **fields}


def user(content: str | None = None, *calls: Row, **fields: Any) -> Row:
    return {"role": "user", "content": content, "tool_calls": list(calls) or None, **fields}


def result(content: str | None, error: bool = False, requestor: str = "assistant") -> Row:
    return {
        **{"id": "", "role": "tool", "content": content},
        **{"error": error, "requestor": requestor},
    }


GREETING = agent("Hi! How can I help you today?")
ASKS = user("Cancel ABC.")
CANCELS = agent(None, call("cancel", reservation="ABC"))
DONE = agent("It is cancelled.")
STOPS = user("###STOP###")


def simulation(*messages: Row, reward: float | None = 1.0, **fields: Any) -> Row:
    info = {
        "agent_info": {"implementation": "llm_agent", "llm": "m", "llm_args": {"temperature": 0.5}},
        "environment_info": {"domain_name": "airline", "policy": "Be kind.", "tool_defs": None},
    }
    row = {
        "id": "s1",
        "task_id": "7",
        "trial": 2,
        "termination_reason": "user_stop",
        "reward_info": {"reward": reward},
        "messages": list(messages),
        CONTAINER: {"info": info, "tasks": []},
    }
    return row | fields


def run_of_v1(*messages: Row, reward: float = 1.0, **fields: Any) -> Row:
    system = {"role": "system", "content": "# Retail agent policy"}
    traj = [system, *messages]
    return {"task_id": 7, "reward": reward, "info": {}, "traj": traj, "trial": 0} | fields


def read(row: Row, place: RowPlace = PLACE, **options: Any) -> list[Scenario]:
    return list(SOURCE.reader(**options)(row, place))


def codes(scenarios: list[Scenario]) -> list[str | None]:
    return [s["set_aside"] and s["set_aside"].partition(":")[0] for s in scenarios]


def v1_call(name: str, arguments: str) -> Row:
    return {"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}
