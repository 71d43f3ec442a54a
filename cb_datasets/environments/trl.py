"""Environments in the shape of TRL's `environment_factory`: plain objects, whose methods are tools.

In: a factory. Out: an environment, without TRL. `reset(**row)` begins an episode and may give back
text for the last message; public methods are tools, their schemas from signature and docstring
(`transformers.utils.get_json_schema`); `get_reward()`, where there is one, says what was reached.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from cb_datasets.environments.plain import Loop, as_text, first_messages
from cb_datasets.environments.protocol import Observation, Score, Start
from cb_datasets.errors import EpisodeError

_NO_TOOLS = ("reset", "get_reward")


class TRLEnvironment:
    """Episodes of a plain object.

    Args:
        factory: Makes the object; its class, say.
        solved_at: The reward from which on the user's task counts as done.

    Example:
        >>> class Counter:
        ...     def reset(self, **row):
        ...         self.count = 0
        ...     def add(self, number: int) -> int:
        ...         '''Add a number.
        ...
        ...         Args:
        ...             number: What is added.
        ...         '''
        ...         self.count += number
        ...         return self.count
        ...     def get_reward(self) -> float:
        ...         return float(self.count == 3)
        >>> environment = TRLEnvironment(Counter)
        >>> start = environment.reset({"prompt": "Count to three."})
        >>> environment.call("add", {"number": 3}).content, environment.score("Done.").utility
        ('3', True)
    """

    def __init__(self, factory: Callable[[], Any], solved_at: float = 1.0) -> None:
        self._object = factory()
        self._solved_at = solved_at
        self._loop = Loop()
        if not callable(getattr(self._object, "reset", None)):
            raise EpisodeError(f"{type(self._object).__name__} has no method reset")
        # As TRL finds them: on the class, so that no property is evaluated.
        own = inspect.getmembers(type(self._object), predicate=inspect.isfunction)
        names = [name for name, _ in own if name not in _NO_TOOLS and not name.startswith("_")]
        self._tools = {name: getattr(self._object, name) for name in names}

    def reset(self, task: Mapping[str, Any]) -> Start:
        """Begin an episode with a row; its `prompt` is what the agent is given."""
        from transformers.utils.chat_template_utils import get_json_schema

        shown = self._loop.done(self._object.reset(**task))
        schemas = [get_json_schema(tool) for tool in self._tools.values()]
        return Start(first_messages(task, shown), schemas)

    def call(self, name: str, arguments: Mapping[str, Any]) -> Observation:
        """Call a method; what it raises is an observation."""
        if name not in self._tools:
            return Observation("", f"there is no tool {name}")
        try:
            return Observation(as_text(self._loop.done(self._tools[name](**arguments))))
        except Exception as error:
            return Observation("", str(error) or type(error).__name__)

    def score(self, answer: str | None = None) -> Score:
        """Whether the reward says that the user's task is done; of attacks it says nothing."""
        if answer is None or not hasattr(self._object, "get_reward"):
            return Score()
        reward = self._loop.done(self._object.get_reward())
        return Score(None if reward is None else bool(reward >= self._solved_at))
