"""OpenEnv's clients as environments, known by what they can do; the library is not needed.

In: a client with `reset`, `list_tools` and `call_tool`, synchronous or not. Out: an environment. A
reward that the client reports with a result, or by `get_reward`, says what was reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cb_datasets.environments.plain import Loop, as_text, first_messages
from cb_datasets.environments.protocol import Observation, Score, Start
from cb_datasets.errors import EpisodeError

_NEEDED = ("reset", "list_tools", "call_tool")
_TEXTS = ("text", "message", "prompt", "content")


class OpenEnvEnvironment:
    """Episodes of a client.

    Args:
        client: The client, connected.
        solved_at: The reward from which on the user's task counts as done.
    """

    def __init__(self, client: Any, solved_at: float = 1.0) -> None:
        missing = [name for name in _NEEDED if not callable(getattr(client, name, None))]
        if missing:
            raise EpisodeError(f"{type(client).__name__} is no client: it has no {missing[0]}")
        self._client = client
        self._solved_at = solved_at
        self._loop = Loop()
        self._reward: Any = None

    def reset(self, task: Mapping[str, Any]) -> Start:
        """Begin an episode; `prompt` is for the agent, the rest of the task for the client."""
        options = {key: value for key, value in task.items() if key != "prompt"}
        begun = self._loop.done(self._client.reset(**options))
        self._reward = _field(begun, "reward")
        shown = _shown(begun)
        tools = self._loop.done(self._client.list_tools())
        return Start(
            first_messages(task if "prompt" in task else {"prompt": shown}, None),
            [_schema(tool) for tool in tools],
        )

    def call(self, name: str, arguments: Mapping[str, Any]) -> Observation:
        """Call a tool; what the client raises, or reports as an error, is an observation."""
        try:
            result = self._loop.done(self._client.call_tool(name, **arguments))
        except Exception as error:
            return Observation("", str(error) or type(error).__name__)
        if (reward := _field(result, "reward")) is not None:
            self._reward = reward
        if failure := _field(result, "error"):
            return Observation("", as_text(_field(failure, "message") or failure))
        inner = _field(result, "result")
        return Observation(as_text(result if inner is None else inner))

    def score(self, answer: str | None = None) -> Score:
        """Whether the reward says that the user's task is done; of attacks it says nothing."""
        if answer is None:
            return Score()
        reward = self._reward
        if callable(getattr(self._client, "get_reward", None)):
            reward = self._loop.done(self._client.get_reward())
        return Score(None if reward is None else bool(reward >= self._solved_at))


def _field(value: Any, name: str) -> Any:
    """A member of an object that may be a mapping, a record or anything."""
    if isinstance(value, Mapping):
        return value.get(name)
    return None if isinstance(value, (str, list)) else getattr(value, name, None)


def _shown(begun: Any) -> str:
    """The text that an environment begins with, wherever it stands."""
    seen = _field(begun, "observation") or begun
    if isinstance(seen, str):
        return seen
    return next((text for key in _TEXTS if isinstance(text := _field(seen, key), str)), "")


def _schema(tool: Any) -> dict[str, Any]:
    parameters = _field(tool, "input_schema") or _field(tool, "inputSchema") or {}
    return {
        "type": "function",
        "function": {
            "name": _field(tool, "name"),
            "description": _field(tool, "description") or "",
            "parameters": parameters or {"type": "object", "properties": {}},
        },
    }
