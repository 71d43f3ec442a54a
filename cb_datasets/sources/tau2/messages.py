"""The messages of a τ²-bench or τ-bench run as the agent read them.

In: `messages` of a simulation (three parties: user, agent, tools of either) or a `traj` of
τ-bench. Out: the agent's side of it, the turns in which the model decided something, and what
makes a turn unfit as a completion.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cb_datasets.sources.messages.chat_messages import chat_messages

STOP_MARK = "###STOP###"
"""How a party tells the harness that the conversation is over."""

_FAILED_RESULTS = ("Error", "Unknown action")

# An agent without native tool calls (τ-bench's act and react) writes them into its prose.
_CALL_IN_TEXT = re.compile(r"\bAction:\s*\{")


@dataclass(frozen=True, slots=True)
class AgentView:
    """What the agent read and said.

    Attributes:
        messages: As `chat_messages` gives them.
        decisions: Positions of the messages that the model decided on.
        faults: Why a decision is no completion to learn from, by position.
        timestamps: When messages were made, by position, where that was recorded.
    """

    messages: list[dict[str, Any]]
    decisions: list[int]
    faults: dict[int, str]
    timestamps: dict[int, str]


def agent_view(raw: Any, policy: str | None = None) -> AgentView:
    """The agent's view of a run.

    Calls that the user made on the user's own device, and their results, are left out: they went
    past the agent. Results follow their calls by position. A greeting that stands before the first
    user message is the harness's own; it stays in the history and is no decision.

    Args:
        raw: The messages of the run; bundles of tool results are taken apart.
        policy: The system prompt, where the messages hold none.

    Raises:
        ValueError: With one sentence, if this is no conversation.

    Example:
        >>> view = agent_view([
        ...     {"role": "assistant", "content": "Hi!"},
        ...     {"role": "user", "content": "No signal."},
        ...     {"role": "assistant", "tool_calls": [{"name": "get_line", "arguments": {}}]},
        ...     {"role": "tool", "content": "Error: unknown line", "error": True},
        ... ], policy="Be kind.")
        >>> [message["role"] for message in view.messages], view.decisions
        (['system', 'assistant', 'user', 'assistant', 'tool'], [3])
        >>> view.faults
        {3: 'call_failed: The tool answered the call with an error.'}
    """
    flat = _flattened(raw)
    uniform = chat_messages([_spelled_like_openai(message) for message in flat])
    mine = _agents_side(flat, uniform)
    upstream = [flat[number] for number in mine]
    messages = [uniform[number] for number in mine]
    if policy and not any(message["role"] == "system" for message in messages):
        messages.insert(0, {"role": "system", "content": policy})
        upstream.insert(0, {})
    user = next((n for n, m in enumerate(messages) if m["role"] == "user"), len(messages))
    decisions = [
        position
        for position, message in enumerate(messages)
        if message["role"] == "assistant" and (position > user or message.get("tool_calls"))
    ]
    faults = {
        position: fault
        for position in decisions
        if (fault := _fault(messages, upstream, position, asked=position > user)) is not None
    }
    return AgentView(messages, decisions, faults, _timestamps(upstream))


def _flattened(raw: Any) -> list[Any]:
    if not isinstance(raw, list):
        kind = "text" if isinstance(raw, str) else f"{raw!r:.40}"
        raise ValueError(f"messages is {kind}, expected a list")
    flat: list[Any] = []
    for message in raw:
        bundle = message.get("tool_messages") if isinstance(message, dict) else None
        flat.extend(bundle if isinstance(bundle, list) else [message])
    return flat


def _spelled_like_openai(message: Any) -> Any:
    if not isinstance(message, dict):
        return message
    plain = {"role": message.get("role"), "content": message.get("content")}
    if message.get("role") == "assistant":
        calls = _agents_calls(message)
        plain["tool_calls"] = (
            [_call_like_openai(call) for call in calls] if isinstance(calls, list) else calls
        )
    return plain


def _agents_calls(message: Mapping[str, Any]) -> Any:
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return calls
    return [c for c in calls if not (isinstance(c, dict) and c.get("requestor") == "user")]


def _call_like_openai(call: Any) -> Any:
    if not isinstance(call, dict) or "function" in call:
        return call
    return {"function": {"name": call.get("name"), "arguments": call.get("arguments")}}


def _agents_side(flat: Sequence[dict[str, Any]], uniform: Sequence[dict[str, Any]]) -> list[int]:
    """Numbers of the messages that the agent read or wrote."""
    mine, caller = [], "assistant"
    for number, message in enumerate(flat):
        if message["role"] == "tool":
            requestor = message.get("requestor")
            if (requestor if requestor in ("user", "assistant") else caller) == "user":
                continue
        elif message.get("tool_calls"):
            by_agent = message["role"] == "assistant" and _agents_calls(message)
            caller = "assistant" if by_agent else "user"
            if not by_agent and not uniform[number]["content"].strip():
                continue
        mine.append(number)
    return mine


def _fault(
    messages: Sequence[dict[str, Any]],
    upstream: Sequence[dict[str, Any]],
    position: int,
    *,
    asked: bool,
) -> str | None:
    message = messages[position]
    if not asked:
        return "no_user_message: The task stood in a prompt that the file does not hold."
    if upstream[position].get("context_truncation"):
        return "context_cut: The model read a shortened history."
    if STOP_MARK in message["content"]:
        return "stop_mark: The harness's stop mark stands in place of what the model wrote."
    if _CALL_IN_TEXT.search(message["content"]):
        return "call_in_text: The agent writes its calls as prose, in a format of its own."
    for offset in range(1, len(message.get("tool_calls", ())) + 1):
        at = position + offset
        if at >= len(messages) or messages[at]["role"] != "tool":
            break
        if _failed(upstream[at], messages[at]["content"]):
            return "call_failed: The tool answered the call with an error."
    return None


def _failed(upstream: Mapping[str, Any], content: str) -> bool:
    if "error" in upstream:
        return bool(upstream["error"])
    return content.startswith(_FAILED_RESULTS)


def _timestamps(upstream: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    stamps = {n: m["timestamp"] for n, m in enumerate(upstream) if _is_time(m.get("timestamp"))}
    # One and the same time on all messages was filled in later.
    return stamps if len(set(stamps.values())) > 1 else {}


def _is_time(value: Any) -> bool:
    try:
        datetime.fromisoformat(value.replace("Z", "+00:00"))
    except (ValueError, AttributeError, TypeError):
        return False
    return True
