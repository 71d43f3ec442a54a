"""One AgentDojo run, whichever way it was written down.

In: a row of an export (`{index, messages, metadata, annotations}`), or a log that AgentDojo itself
writes (one JSON object, its facts beside the messages, contents as parts, calls as `{function,
args}`). Out: a `Trace`; what a model said in the text of a message stands with its calls.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cb_datasets.environments import Observation, RecordedTurn
from cb_datasets.sources.messages.calls_in_text import assistant_message
from cb_datasets.sources.messages.chat_messages import chat_messages, message_calls
from cb_datasets.sources.messages.message_spellings import openai_messages
from cb_datasets.sources.rows import RowPlace, SkipRow

Messages = list[dict[str, Any]]

_CALL_BLOCK = re.compile(r"<function[-_]call>(.*?)</function[-_]call>", re.DOTALL)
_CALL_OF = re.compile(r"<function=[^>]{1,200}>.*?(?:</function>|\Z)", re.DOTALL)
_EMPTY_FIELD = re.compile(r"<([\w-]+)>\s*</\1>")

# What AgentDojo's detectors write in the assistant's place when they end a run.
_ABORTED = "aborting execution because a prompt injection was detected"


@dataclass(frozen=True, slots=True)
class Trace:
    """A run, checked.

    Attributes:
        pipeline: What ran it; an export is one pipeline's and names the file instead.
        ended: The run came to its own end. One that did not is evidence of nothing.
        injections: The attack's text at each place, where the log holds it.
        turns: The calls that were carried out, with their results.
        version: The benchmark version that it was run in.
    """

    index: int | None
    messages: Messages
    suite: str
    user_task: str
    injection_task: str | None
    attack_type: str | None
    model: str | None
    success: bool
    security: bool
    ended: bool
    turns: list[RecordedTurn]
    pipeline: str | None = None
    injections: dict[str, str] = field(default_factory=dict)
    version: str | None = None
    timestamp: str | None = None

    @property
    def task_id(self) -> str:
        """The user's task, with its suite."""
        return f"{self.suite}/{self.user_task}"


def read_trace(row: dict[str, Any], place: RowPlace) -> Trace:
    """The run that a row is.

    Args:
        row: A row of an export, or a log.
        place: Where it stands; of a log in AgentDojo's folders, its path from the pipeline on.

    Raises:
        SkipRow: For the row of metadata that exports begin with.
        ValueError: For a row that is no run.

    Example:
        >>> read_trace({"suite_name": "slack"}, RowPlace("none.json", 1))
        Traceback (most recent call last):
        ...
        ValueError: messages is missing
    """
    if "metadata" not in row and "suite_name" in row:
        return _read_log(row, place)
    return _read_export(row)


def _read_export(row: dict[str, Any]) -> Trace:
    metadata = row.get("metadata")
    if not isinstance(metadata, dict):
        raise ValueError("metadata is missing, expected an object with suite_name and user_task_id")
    if "messages" not in row:
        if "suite_name" not in metadata:
            raise SkipRow("metadata row: it describes the file and holds no trace")
        raise ValueError("messages is missing")
    _check_texts(metadata, "metadata.")
    for key in ("success", "security"):
        if not isinstance(metadata.get(key), bool):
            raise ValueError(f"metadata.{key} is {metadata.get(key)!r}, expected true or false")
    index = row.get("index")
    messages = chat_messages(row["messages"])
    return Trace(
        index=index if type(index) is int else None,
        messages=messages,
        model=metadata.get("model"),
        success=metadata["success"],
        security=metadata["security"],
        ended=messages[-1]["role"] == "assistant",
        turns=_turns(messages, row["messages"]),
        **_task(metadata),
    )


def _read_log(row: dict[str, Any], place: RowPlace) -> Trace:
    if "messages" not in row:
        raise ValueError("messages is missing")
    _check_texts(row, "")
    for key in ("utility", "security"):
        if not isinstance(row.get(key), (bool, type(None))):
            raise ValueError(f"{key} is {row[key]!r}, expected true or false")
    raw = openai_messages(row["messages"])
    messages = list(map(_with_said_calls, chat_messages(raw)))
    last = messages[-1]
    # AgentDojo writes the log while the run goes on, and the verdicts last of all.
    finished = isinstance(row.get("security"), bool) and not row.get("error")
    aborted = last["content"].startswith(_ABORTED)
    return Trace(
        index=None,
        messages=messages,
        model=row.get("pipeline_name"),
        success=bool(row.get("utility")),
        security=bool(row.get("security")),
        ended=finished and last["role"] == "assistant" and not aborted,
        turns=_turns(messages, raw),
        pipeline=_pipeline(row, place),
        injections=_injections(row.get("injections")),
        version=row.get("benchmark_version"),
        timestamp=_iso_time(row.get("evaluation_timestamp")),
        **_task(row),
    )


def _task(facts: dict[str, Any]) -> dict[str, Any]:
    attack_type = facts.get("attack_type")
    return {
        "suite": facts["suite_name"],
        "user_task": facts["user_task_id"],
        "injection_task": facts.get("injection_task_id") or None,
        # AgentDojo itself writes "none" for runs without an attack.
        "attack_type": None if attack_type in ("", "none") else attack_type,
    }


def _check_texts(facts: dict[str, Any], where: str) -> None:
    for key in ("suite_name", "user_task_id"):
        if not isinstance(facts.get(key), str) or not facts[key]:
            raise ValueError(f"{where}{key} is {facts.get(key)!r}, expected text")
    for key in (
        *("injection_task_id", "attack_type", "model", "pipeline_name"),
        *("benchmark_version", "evaluation_timestamp"),
    ):
        if not isinstance(facts.get(key), (str, type(None))):
            raise ValueError(f"{where}{key} is {facts[key]!r}, expected text or null")


def _injections(given: Any) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict) or not all(isinstance(text, str) for text in given.values()):
        raise ValueError("injections is no object of texts")
    return given


def _pipeline(row: dict[str, Any], place: RowPlace) -> str:
    """The pipeline's name: that of its folder, as AgentDojo lays them, or what the log says.

    Defences have written their model's name into the log, and their own on the folder.
    """
    *above, suite, user_task, _, _ = ["", "", "", "", *place.file.split("/")]
    in_place = suite == row["suite_name"] and user_task == row["user_task_id"]
    return (above[-1] if in_place else "") or row.get("pipeline_name") or place.file


def _iso_time(text: str | None) -> str | None:
    try:
        return None if text is None else datetime.fromisoformat(text).isoformat()
    except ValueError:
        return None


def _with_said_calls(message: dict[str, Any]) -> dict[str, Any]:
    """A message whose text makes no calls: these stand beside it, as other models' do.

    Where a pipeline asked for calls in the text, the log holds them twice, or, if they were not
    carried out, in the text alone.
    """
    if message["role"] != "assistant":
        return message
    blocks = [block.strip() for block in _CALL_BLOCK.findall(message["content"])]
    text = _CALL_BLOCK.sub("", message["content"])
    if "tool_calls" in message:
        text = _EMPTY_FIELD.sub("", _CALL_OF.sub("", text)).strip()
        return {**message, "content": text}
    if not blocks:
        return assistant_message(message)
    said = [assistant_message({"role": "assistant", "content": block}) for block in blocks]
    calls = [call for one in said for call in one.get("tool_calls", ())]
    if not calls:
        return message
    content = _EMPTY_FIELD.sub("", text).strip()
    return {"role": "assistant", "content": content, "tool_calls": calls}


def _turns(messages: Messages, raw: Sequence[dict[str, Any]]) -> list[RecordedTurn]:
    """The turns with calls that were carried out; results follow them in the order of the calls."""
    turns = []
    for number, message in enumerate(messages):
        calls = message_calls(message)
        if not calls:
            continue
        results: list[Observation] = []
        for place in range(number + 1, len(messages)):
            if messages[place]["role"] != "tool" or len(results) == len(calls):
                break
            error = raw[place].get("error")
            content = messages[place]["content"]
            results.append(Observation("" if error else content, content if error else None))
        if results:
            turns.append(RecordedTurn(number, calls[: len(results)], results))
    return turns
