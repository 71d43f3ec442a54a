"""Clients that can do what OpenEnv's can."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cb_datasets.environments.openenv import OpenEnvEnvironment
from cb_datasets.errors import EpisodeError

SCHEMA = {"type": "object", "properties": {"message": {"type": "string"}}}


class Client:
    def reset(self, **options: Any) -> Any:
        self.said: list[str] = []
        return SimpleNamespace(observation={"text": f"Level {options.get('level')}."}, reward=0.0)

    def list_tools(self) -> list[Any]:
        return [SimpleNamespace(name="echo", description="Say it.", input_schema=SCHEMA)]

    def call_tool(self, name: str, **arguments: Any) -> Any:
        if name != "echo":
            raise RuntimeError(f"unknown tool {name}")
        self.said.append(arguments["message"])
        return SimpleNamespace(result=arguments["message"], reward=float(len(self.said)))


class AsyncClient(Client):
    async def reset(self, **options: Any) -> Any:
        return Client.reset(self, **options)

    async def list_tools(self) -> list[Any]:
        return Client.list_tools(self)

    async def call_tool(self, name: str, **arguments: Any) -> Any:
        return Client.call_tool(self, name, **arguments)


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_an_episode_with_a_client(client: type[Client]):
    environment = OpenEnvEnvironment(client())
    start = environment.reset({"level": 3})
    assert start.messages == [{"role": "user", "content": "Level 3."}]
    assert start.tools[0]["function"] == {
        "name": "echo",
        "description": "Say it.",
        "parameters": SCHEMA,
    }
    assert environment.score("Done.").utility is False
    assert environment.call("echo", {"message": "Hi"}).content == "Hi"
    assert environment.score("Done.").utility is True
    assert environment.call("fly", {}).error == "unknown tool fly"


def test_a_prompt_of_ones_own_stands_before_the_clients():
    start = OpenEnvEnvironment(Client()).reset({"prompt": "Say hi.", "level": 1})
    assert start.messages == [{"role": "user", "content": "Say hi."}]


def test_what_is_no_client_is_named():
    with pytest.raises(EpisodeError, match="SimpleNamespace is no client: it has no reset"):
        OpenEnvEnvironment(SimpleNamespace())
