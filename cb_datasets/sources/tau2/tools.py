"""The tools that a τ²-bench or τ-bench agent had on offer, as OpenAI function schemas.

In: `tool_defs` of a results file (tau2's tool signatures, or null), the `tools` option, and calls.
Out: schemas. τ²-bench writes no signatures unless asked to, and τ-bench never does. What is called
and not declared gets a schema inferred from calls, because a model cannot call what is not on
offer. An inferred schema is weaker than the real one: no description, no choices, and only the
parameters that were seen. Give the real ones with `tools`: the `openai_schema` of each tool of
tau2's environment, or `tools_info` of τ-bench's, as a JSON file or a list.
"""

from __future__ import annotations

import inspect
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from cb_datasets.errors import SourceError
from cb_datasets.quoting import reason_of
from cb_datasets.records import ToolCall
from cb_datasets.sources.messages.inferred_tools import inferred_schema

_DOCSTRING = re.compile(r'"""(.*)"""', re.DOTALL)
_SECTION = re.compile(r"^(?:Args|Arguments|Parameters|Returns?|Raises|Yields|Examples?):", re.M)
_ENOUGH_CALLS = 50


def offered_tools(
    declared: Any,
    calls: Sequence[ToolCall],
    known_calls: Sequence[ToolCall] = (),
    given: list[dict[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """The schemas of the tools on offer in a run.

    Args:
        declared: `tool_defs` of the results file.
        calls: What the agent called in this run.
        known_calls: Calls of the tasks' own solutions, which help to infer schemas. Where no tool
            is declared, their tools are on offer too, so that runs of one file offer the same.
        given: Schemas that the user gave; they win over `declared`.

    Returns:
        Those given or declared, in their order, then the inferred ones by name.

    Raises:
        ValueError: `declared` cannot be read.

    Example:
        >>> found = offered_tools(None, [ToolCall(name="think", arguments={"thought": "Hm."})])
        >>> found[0]["function"]["parameters"]["properties"]
        {'thought': {'type': 'string'}}
    """
    known = declared_tools(declared) if given is None else given
    names = {tool["function"]["name"] for tool in known}
    called = {call["name"] for call in calls}
    if not known:
        called |= {call["name"] for call in known_calls}
    seen = [*known_calls, *calls]
    return [*known, *(inferred_schema(name, seen) for name in sorted(called - names))]


def declared_tools(declared: Any) -> list[dict[str, Any]]:
    """The schemas of `tool_defs`: tool signatures by name, a list of them, or null.

    Raises:
        ValueError: It is none of these.

    Example:
        >>> signature = {"name": "now", "doc": "def now():\\n    '''No doc.'''", "params": None}
        >>> declared_tools({"now": signature})[0]["function"]["parameters"]
        {'type': 'object', 'properties': {}}
    """
    if declared is None:
        return []
    if isinstance(declared, dict):
        declared = list(declared.values())
    if not isinstance(declared, list):
        raise ValueError("tool_defs is neither a list nor an object of tool signatures")
    return [_schema(signature) for signature in declared]


def given_tools(tools: str | os.PathLike[str] | Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The schemas that the user gave.

    Args:
        tools: OpenAI function schemas, or the path of a JSON file that holds a list of them.

    Raises:
        SourceError: They cannot be read, or are no such schemas.

    Example:
        >>> given_tools([{"name": "now"}])
        Traceback (most recent call last):
        ...
        cb_datasets.errors.SourceError: tools holds no OpenAI function schema at position 0
    """
    if not isinstance(tools, (str, os.PathLike)):
        return _checked(tools, None)
    path = os.path.expanduser(os.fspath(tools))
    try:
        with open(path, "rb") as stream:
            return _checked(json.load(stream), path)
    except OSError as error:
        reason = reason_of(error)
        raise SourceError(f"the tools cannot be read ({reason})", file=path) from error
    except (ValueError, RecursionError) as error:
        raise SourceError("the tools are no JSON, expected a list", file=path) from error


def solution_calls(actions: Iterable[Any]) -> list[ToolCall]:
    """The agent's calls among the actions of task solutions, some of each tool.

    Args:
        actions: `{name, arguments, requestor}` of τ²-bench or `{name, kwargs}` of τ-bench;
            anything else is passed over.

    Example:
        >>> solution_calls([{"name": "f", "kwargs": {"n": 1}}, {"name": "g"}])
        [{'name': 'f', 'arguments': {'n': 1}}]
    """
    calls: list[ToolCall] = []
    counts: Counter[str] = Counter()
    for action in actions:
        if not isinstance(action, dict) or action.get("requestor") == "user":
            continue
        name = action.get("name")
        arguments = action.get("arguments", action.get("kwargs"))
        if not isinstance(name, str) or not name or not isinstance(arguments, dict):
            continue
        counts[name] += 1
        if counts[name] <= _ENOUGH_CALLS:
            calls.append(ToolCall(name=name, arguments=arguments))
    return calls


def _schema(signature: Any) -> dict[str, Any]:
    if _is_schema(signature):
        return {"type": "function", "function": signature["function"]}
    name = signature.get("name") if isinstance(signature, dict) else None
    if not isinstance(name, str) or not name:
        raise ValueError("tool_defs holds a tool signature without a name")
    parameters = signature.get("params") or {"type": "object", "properties": {}}
    if not isinstance(parameters, dict):
        raise ValueError(f"tool_defs: params of {name} is no object")
    description = _description(signature.get("doc"))
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


def _description(doc: Any) -> str:
    """What a docstring says before it comes to arguments, as tau2 tells it to the model.

    In `tool_defs` the tool's signature stands before it.
    """
    if not isinstance(doc, str):
        return ""
    quoted = _DOCSTRING.search(doc)
    text = inspect.cleandoc(quoted.group(1) if quoted else doc)
    section = _SECTION.search(text)
    summary, _, rest = (text[: section.start()] if section else text).strip().partition("\n")
    return f"{summary.rstrip()}\n\n{rest.strip()}" if rest.strip() else summary


def _checked(tools: Any, path: str | None) -> list[dict[str, Any]]:
    if not isinstance(tools, (list, tuple)):
        raise SourceError("tools is no list of OpenAI function schemas", file=path)
    for position, tool in enumerate(tools):
        if not _is_schema(tool):
            raise SourceError(
                f"tools holds no OpenAI function schema at position {position}", file=path
            )
    return list(tools)


def _is_schema(tool: Any) -> bool:
    function = tool.get("function") if isinstance(tool, dict) else None
    return isinstance(function, dict) and isinstance(function.get("name"), str)
