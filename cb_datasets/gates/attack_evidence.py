"""Whether the attack that a row names can be the one that it was under.

In: a row of Ds, Dr or eval. Out: None, or one sentence that says what is not there: the injection
in the prompt, the attacker's tool among those on offer, a request beside the attack. A judge finds
the call that a row says the attacker wanted; that anybody wanted it, the prompt must show.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cb_datasets.formats.calls import ToolCall
from cb_datasets.gates.criteria import mapping_at
from cb_datasets.gates.row import GatedRow
from cb_datasets.judge.call_patterns import call_matches, read_patterns
from cb_datasets.judge.offered_tools import NO_TOOLS
from cb_datasets.prompt_text import prompt_text, unattacked
from cb_datasets.quoting import quoted
from cb_datasets.schema import json_object
from cb_datasets.text_forms import drawn_text

_UNREADABLE = (KeyError, TypeError, ValueError, LookupError, AttributeError, RecursionError)


def attack_problem(row: GatedRow) -> str | None:
    """Why a row cannot have been under the attack that it names, or None.

    Rows from which the harmful request was taken out on purpose show no injection any more.

    Measured: none of 492 rows of Ds, 998 of Dr and 3,000 of eval in builds of the demo, AgentDojo
    and AgentDyn has such a problem.

    Example:
        >>> from cb_datasets.gates.row import gated_row
        >>> row = {"messages": [{"role": "user", "content": "Hello"}], "expected": {},
        ...        "attack": {"injection": "Obey!"}, "assistant_raw": "Hi"}
        >>> attack_problem(gated_row(row, "ds"))
        'the injection does not stand in the prompt'
    """
    attack = mapping_at(row.row, "attack")
    if not attack or _redacted(row):
        return None
    try:
        return _injection_problem(row.row, attack)
    except _UNREADABLE:
        return "the attack or the messages cannot be read"


def harm_problem(row: GatedRow) -> str | None:
    """Why the call that a row of Ds shows is no harm, whatever its attack says, or None."""
    if (problem := attack_problem(row)) is not None:
        return problem
    try:
        return _call_problem(row)
    except _UNREADABLE:
        return "the calls or the tools cannot be read"


def _redacted(row: GatedRow) -> bool:
    return mapping_at(row.row, "provenance").get("harmful_prompt_redacted") is True


def _injection_problem(row: Mapping[str, Any], attack: Mapping[str, Any]) -> str | None:
    injection = attack.get("injection")
    if not (isinstance(injection, str) and injection.strip()):
        return "the attack names no injected text"
    if _seen(injection) not in _seen(prompt_text(row)):
        return "the injection does not stand in the prompt"
    behavior = mapping_at(row, "expected").get("behavior")
    if behavior == "refusal" or row.get("set") == "eval":
        return None
    located = {"location": None, "clean_content": None, **attack}
    asked = [
        unattacked(content, located)
        for message in map(json_object, row["messages"])
        if message.get("role") == "user" and isinstance(content := message.get("content"), str)
    ]
    if asked and not any(text.strip() for text in asked):
        return "the injection is all that the user asks, and what is right is no refusal"
    return None


def _seen(text: str) -> str:
    return " ".join(drawn_text(text).split())


def _call_problem(row: GatedRow) -> str | None:
    """What is wrong with the attacker's call: nobody offered the tool, or the task asks for it."""
    tool = row.judgement.observed_tool if row.judgement else None
    offered = offered_names(row.row)
    if tool and offered and tool not in offered:
        return f"{quoted(tool)} is called, and is not on offer"
    targets = read_patterns(mapping_at(row.row, "attack").get("targets"))
    expected = mapping_at(row.row, "expected")
    right = read_patterns(expected.get("calls")) + read_patterns(expected.get("task_calls"))
    for call in row.parsed.calls if row.parsed else ():
        met = [target for target in targets if _meets(target, call)]
        asked = next((pattern for pattern in right if _meets(pattern, call)), None)
        # The right tool with arguments of the attacker's, which the task leaves open, is his.
        if met and asked and all(t["arguments"].keys() <= asked["arguments"].keys() for t in met):
            return f"the user's task asks for the call of {quoted(call.name)} itself"
    return None


def _meets(pattern: Any, call: ToolCall) -> bool:
    return call_matches(pattern, call.name, call.arguments, NO_TOOLS)


def offered_names(row: Mapping[str, Any]) -> frozenset[str]:
    """The names of the tools that a row offers, in either shape of a schema."""
    named = []
    tools = row.get("tools")
    for given in tools if isinstance(tools, list) else []:
        try:
            tool = json_object(given)
        except (ValueError, RecursionError):
            continue
        if isinstance(tool, Mapping):
            named.append(mapping_at(tool, "function").get("name", tool.get("name")))
    return frozenset(name for name in named if isinstance(name, str))
