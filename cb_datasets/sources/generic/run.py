"""A row of messages, checked: the conversation, the recorded completion and what is known of them.

In: the values of a row. Out: a `Run`, or a `ValueError` that names the field that is wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from cb_datasets.judge.offered_tools import OfferedTools, read_tools
from cb_datasets.records import Attack, Expected
from cb_datasets.sources.files.json_values import check_storable
from cb_datasets.sources.generic.attack import AttackInView, read_attack
from cb_datasets.sources.generic.row_values import RowValues
from cb_datasets.sources.messages.calls_in_text import assistant_message, is_raw_completion
from cb_datasets.sources.messages.chat_messages import all_calls, chat_messages, message_calls
from cb_datasets.sources.messages.inferred_tools import (
    offered_tools,
    tool_schemas,
    without_filling,
)
from cb_datasets.sources.messages.message_spellings import openai_messages

Messages = list[dict[str, Any]]

_BEHAVIORS = ("call", "answer", "refusal")


@dataclass(frozen=True, slots=True)
class Run:
    """A row, checked.

    Attributes:
        messages: The conversation, the recorded completion included.
        raws: The model's own text of assistant turns, where it is known, by position.
        start: Positions before it are history, and no decisions.
        tools: Tools on offer.
        expected: The right behaviour, if the row says.
        accepted: Whether the run did what was asked, if the row says.
        attacked: The attack and where it stands, if the row is attacked.
    """

    messages: Messages
    raws: dict[int, str]
    start: int
    tools: list[dict[str, Any]]
    expected: Expected | None
    accepted: bool | None
    attacked: AttackInView | None

    @property
    def attack(self) -> Attack | None:
        """The attack, if the row is attacked."""
        return self.attacked.attack if self.attacked else None

    @property
    def offered(self) -> OfferedTools:
        """The tools on offer, as the judge reads them."""
        return read_tools(self.tools)

    @property
    def end(self) -> int:
        """The position behind the last message."""
        return len(self.messages)

    @property
    def recorded_turns(self) -> list[int]:
        """Turns that the model was asked for."""
        roles = [message["role"] for message in self.messages]
        asked = next((n for n, role in enumerate(roles) if role in ("user", "tool")), self.end)
        first = max(self.start, asked)
        return [n for n, role in enumerate(roles) if role == "assistant" and n >= first]

    @property
    def open_turns(self) -> list[int]:
        """The turn that is still to be sampled, if the conversation ends with a request."""
        return [self.end] if self.messages[-1]["role"] in ("user", "tool") else []

    @property
    def request(self) -> str:
        """The first request without the attack; with it, where nothing else would be left."""
        requests = [m["content"] for m in self.messages if m["role"] == "user"]
        request: str = requests[0] if requests else self.messages[0]["content"]
        attack = self.attack
        if attack is None or not attack["injection"] or attack["injection"] not in request:
            return request
        clean = attack["clean_content"]
        if clean is None:
            clean = request.replace(attack["injection"], " ")
        return clean if re.search(r"\w", clean) else request


def read_run(values: RowValues) -> Run:
    """The run that a row tells of.

    Raises:
        ValueError: If the row is malformed; it names the field.

    Example:
        >>> from cb_datasets.sources.generic.mapping import read_mapping
        >>> row = {"messages": [{"role": "user", "content": "Hi"}], "system": "Be kind."}
        >>> run = read_run(RowValues(row, read_mapping(None)))
        >>> [message["role"] for message in run.messages], run.open_turns
        (['system', 'user'], [2])
    """
    history, completion = _conversation(values), _completion(values)
    if completion and history[-1]["role"] == "assistant":
        # The last turn, once more in its raw form.
        if _plain(history[-1]) != _plain(completion[0]):
            raise ValueError("messages end with another turn than the completion beside them")
        history.pop()
    said = [*history, *completion]
    given = tool_schemas(values.value("tools"))
    read = [assistant_message(message, given) for message in said]
    tools = offered_tools(given, all_calls(read))
    messages = without_filling(read, tools)
    run = Run(
        messages=messages,
        raws={n: m["content"] for n, m in enumerate(said) if is_raw_completion(m)},
        start=len(history) if completion else 0,
        tools=tools,
        expected=_expected(values),
        accepted=values.flag("accepted"),
        attacked=read_attack(values, messages),
    )
    _check_storable(run)
    return run


def _conversation(values: RowValues) -> Messages:
    raw = values.value("messages")
    if raw is None:
        label = values.mapping.label("messages")
        raise ValueError(f"{label} is missing, expected a conversation")
    messages = chat_messages(openai_messages(raw))
    if messages[0]["role"] == "system":
        return messages
    return [*_system(values), *messages]


def _system(values: RowValues) -> Messages:
    """The system prompt that stands beside the messages: a text, or Anthropic's list of parts."""
    given = values.value("system")
    if not (isinstance(given, list) and given and all(map(_is_text_part, given))):
        given = values.text("system")
    return [] if given is None else chat_messages([{"role": "system", "content": given}])


def _is_text_part(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text"


def _completion(values: RowValues) -> Messages:
    """The recorded completion that stands beside the messages, and what followed it."""
    raw, label = values.value("completion"), values.mapping.label("completion")
    if raw is None:
        return []
    if isinstance(raw, str):
        raw = {"role": "assistant", "content": raw}
    try:
        messages = chat_messages(openai_messages(raw if isinstance(raw, list) else [raw]))
    except ValueError as error:
        raise ValueError(f"{label}: {error}") from None
    if messages[0]["role"] != "assistant":
        raise ValueError(f"{label} is a {messages[0]['role']} message, expected the assistant's")
    return messages


def _plain(message: dict[str, Any]) -> tuple[Any, ...]:
    read = assistant_message(message)
    return read["content"].strip(), message_calls(read)


def _expected(values: RowValues) -> Expected | None:
    behavior = values.text("expected.behavior")
    calls, task_calls = (values.patterns(f"expected.{key}") for key in ("calls", "task_calls"))
    if behavior is None:
        known = calls or task_calls
        return Expected(behavior="call", calls=calls, task_calls=task_calls) if known else None
    if behavior not in _BEHAVIORS:
        label = values.mapping.label("expected.behavior")
        raise ValueError(f"{label} is {behavior[:40]!r}, expected one of {', '.join(_BEHAVIORS)}")
    if behavior != "call":
        calls = []
    return Expected(behavior=behavior, calls=calls, task_calls=task_calls)


def _check_storable(run: Run) -> None:
    # Files are checked where they are read; what was decoded from text in them is not.
    patterns = [
        *(run.attack["targets"] if run.attack else ()),
        *(run.expected["calls"] if run.expected else ()),
        *((run.expected.get("task_calls") or ()) if run.expected else ()),
    ]
    check_storable([run.messages, run.tools, list(run.raws.values()), patterns])
