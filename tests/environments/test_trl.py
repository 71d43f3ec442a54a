"""Environments as TRL's documentation writes them, unchanged."""

from __future__ import annotations

import asyncio

import pytest

from cb_datasets.environments.trl import TRLEnvironment
from cb_datasets.errors import EpisodeError


class BankEnv:
    def __init__(self):
        self.balance = None

    def reset(self, **kwargs) -> str | None:
        self.balance = kwargs.get("balance", 0)
        return f"\nYour balance is {self.balance}."

    def deposit(self, amount: int) -> str:
        """
        Put money into the account.

        Args:
            amount: How much.

        Returns:
            The new balance.
        """
        if amount <= 0:
            raise ValueError("amount must be positive")
        self.balance += amount
        return f"The balance is {self.balance}."

    async def wait(self, days: int) -> dict:
        """
        Let time pass.

        Args:
            days: How long.

        Returns:
            What happened.
        """
        await asyncio.sleep(0)
        return {"days": days}

    def get_reward(self) -> float:
        return 1.0 if self.balance == 30 else 0.0

    def _secret(self) -> None:
        self.balance = 30


ROW = {"prompt": [{"role": "user", "content": "Make it 30."}], "balance": 10}


def test_public_methods_are_tools_and_reset_adds_to_the_last_message():
    start = TRLEnvironment(BankEnv).reset(ROW)
    assert start.messages == [{"role": "user", "content": "Make it 30.\nYour balance is 10."}]
    names = [tool["function"]["name"] for tool in start.tools]
    assert names == ["deposit", "wait"]
    parameters = start.tools[0]["function"]["parameters"]
    assert parameters["properties"]["amount"]["type"] == "integer"
    assert ROW["prompt"] == [{"role": "user", "content": "Make it 30."}]


def test_calls_change_the_object_and_its_reward_is_the_score():
    environment = TRLEnvironment(BankEnv)
    environment.reset(ROW)
    assert environment.score("Done.").utility is False
    assert environment.call("deposit", {"amount": 20}).content == "The balance is 30."
    assert environment.call("wait", {"days": 2}).content == '{"days": 2}'
    assert environment.score("Done.").utility is True
    assert environment.score().utility is None
    environment.reset(ROW)
    assert environment.score("Done.").utility is False


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("deposit", {"amount": -1}, "amount must be positive"),
        ("deposit", {"sum": 1}, "unexpected keyword"),
        ("_secret", {}, "there is no tool _secret"),
        ("reset", {}, "there is no tool reset"),
        ("get_reward", {}, "there is no tool get_reward"),
    ],
)
def test_what_fails_is_an_observation(name: str, arguments: dict, error: str):
    environment = TRLEnvironment(BankEnv)
    environment.reset(ROW)
    observation = environment.call(name, arguments)
    assert observation.content == ""
    assert error in observation.text


def test_an_object_without_reset_and_a_row_without_prompt_are_named():
    with pytest.raises(EpisodeError, match="dict has no method reset"):
        TRLEnvironment(dict)
    with pytest.raises(EpisodeError, match="the task has no prompt"):
        TRLEnvironment(BankEnv).reset({"balance": 1})
