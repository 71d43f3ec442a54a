"""What environments of other libraries have in common: a task with a prompt, results of any type.

In: a row, and what `reset` or a tool gave back. Out: the messages an agent begins with, and texts
it reads.
Coroutines are run to their end in the environment's own loop.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Mapping
from typing import Any

from cb_datasets.errors import EpisodeError


def first_messages(task: Mapping[str, Any], shown: Any = None) -> list[dict[str, Any]]:
    """The messages of an episode: the task's `prompt`, its last one with what `reset` gave back.

    Raises:
        EpisodeError: The task has no prompt that is text or messages.

    Example:
        >>> first_messages({"prompt": "Find the key."}, " The room is dark.")
        [{'role': 'user', 'content': 'Find the key. The room is dark.'}]
    """
    prompt = task.get("prompt")
    if isinstance(prompt, str):
        prompt = [{"role": "user", "content": prompt}]
    if not isinstance(prompt, list) or not prompt or not isinstance(prompt[-1], Mapping):
        raise EpisodeError("the task has no prompt, expected text or a list of messages")
    *before, last = prompt
    if shown is None:
        return [*before, dict(last)]
    return [*before, {**last, "content": f"{last.get('content') or ''}{as_text(shown)}"}]


def as_text(result: Any) -> str:
    """A result as an agent reads it.

    Example:
        >>> as_text({"a": 1}), as_text("b")
        ('{"a": 1}', 'b')
    """
    if isinstance(result, str):
        return result
    try:
        return json.dumps(result, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(result)


class Loop:
    """An event loop that belongs to one environment: its connections live in it."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def done(self, result: Any) -> Any:
        """A result, awaited where it has to be."""
        if not inspect.isawaitable(result):
            return result
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(_awaited(result))


async def _awaited(result: Any) -> Any:
    return await result
