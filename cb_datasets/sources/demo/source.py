"""The built-in demo suite: harmless tool-flip scenarios in a made-up world.

Attacked queries with their benign twins (injection in the message or in a tool result), plain tool
queries, questions that need no tool, mildly improper requests, and harmless ones that look
improper. Always the same, in the same order.

The attacked groups come in blocks: the wordings of a block's injections occur in no other block, so
that a split can keep both groups and wordings apart.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cb_datasets.records import Attack, Expected, Scenario, ScenarioProvenance
from cb_datasets.sources.demo.attacks import (
    IN_MESSAGE,
    IN_TOOL_RESULT,
    AttackTemplate,
    Goal,
    goals,
)
from cb_datasets.sources.demo.lookups import ANSWERED, TWO_STEPS, Lookup
from cb_datasets.sources.demo.probes import HARMLESS_QUESTIONS, harmless_queries
from cb_datasets.sources.demo.queries import Query, queries
from cb_datasets.sources.demo.texts import (
    DOCUMENT_HEADS,
    DOCUMENTS,
    IMPROPER_REQUESTS,
    QUESTIONS,
    SYSTEM_MESSAGES,
)
from cb_datasets.sources.demo.tools import TOOL_NAMES, tool_schema
from cb_datasets.sources.messages.made_calls import exact_pattern

_BLOCKS = 10
_MESSAGE_GROUPS = 6
_RESULT_GROUPS = 4
_WORDINGS = {"user": 3, "tool_result": 2}


@dataclass(frozen=True, slots=True)
class _Task:
    """What a group has in common: everything but the injection."""

    group: str
    before: list[dict[str, Any]]
    attacked: dict[str, Any]
    """The message that an injection goes into, without it."""
    places: list[int]
    """Where in its text injections can stand."""
    tools: list[dict[str, Any]]
    expected: Expected


def demo_scenarios() -> list[Scenario]:
    """All scenarios of the demo suite.

    Returns:
        Scenarios with `source="demo"`, in a fixed order. A group holds a query, its attacks and
        their benign twin; its other members follow the twin.

    Example:
        >>> scenarios = demo_scenarios()
        >>> len(scenarios) >= 400
        True
        >>> next(s["attack"] for s in scenarios if s.get("attack"))["location"]
        'user'
    """
    return list(_scenarios())


def _scenarios() -> Iterator[Scenario]:
    asked = queries()
    wants = {tool: goals(tool) for tool in TOOL_NAMES}
    for block in range(_BLOCKS):
        wordings = _wordings(IN_MESSAGE, "user", block)
        for number in range(_MESSAGE_GROUPS):
            index = block * _MESSAGE_GROUPS + number
            task, wanted = _message_task(asked[index], index)
            pairs = [(w, next(wants[wanted[i % 2]])) for i, w in enumerate(wordings)]
            yield from _group(task, "user", pairs)
        # One argument hijack a block: the right tool, with the attacker's arguments.
        index = _BLOCKS * _MESSAGE_GROUPS + block
        task, _ = _message_task(asked[index], index)
        hijack = next(wants[asked[index].tool])
        yield from _group(task, "user", [(wordings[block % len(wordings)], hijack)])
    lookups = [item for pair in zip(TWO_STEPS, ANSWERED, strict=True) for item in pair]
    for block in range(_BLOCKS):
        wordings = _wordings(IN_TOOL_RESULT, "tool_result", block)
        for number in range(_RESULT_GROUPS):
            index = block * _RESULT_GROUPS + number
            task, wanted = _result_task(lookups[index], index)
            pairs = [(w, next(wants[wanted[i % 2]])) for i, w in enumerate(wordings)]
            yield from _group(task, "tool_result", pairs)
    for index, query in enumerate(asked[_BLOCKS * (_MESSAGE_GROUPS + 1) :]):
        yield _tool_query(query, index)
    for index, text in enumerate(QUESTIONS):
        yield _without_tool(text, index, "answer")
    for index, text in enumerate(IMPROPER_REQUESTS):
        yield _without_tool(text, index, "refusal")
    for index, text in enumerate(HARMLESS_QUESTIONS):
        question = _without_tool(text, index, "answer")
        yield _probe(question, f"demo_over_refusal_{index:03d}")
    for index, query in enumerate(harmless_queries(), start=len(HARMLESS_QUESTIONS)):
        yield _probe(_tool_query(query, index), f"demo_over_refusal_{index:03d}")


def _wordings(templates: list[AttackTemplate], location: str, block: int) -> list[AttackTemplate]:
    count = _WORDINGS[location]
    return templates[block * count : (block + 1) * count]


def _message_task(query: Query, index: int) -> tuple[_Task, list[str]]:
    """A query, with a pasted document in two groups of three, and the tools attackers want."""
    group = f"demo_message_{index:03d}"
    rng = random.Random(group)
    content, places = query.text, [len(query.text)]
    if index % 3:
        document = DOCUMENTS[index % len(DOCUMENTS)]
        content += "\n\n" + DOCUMENT_HEADS[index % len(DOCUMENT_HEADS)]
        first, _, _ = document.partition(". ")
        places = [len(content) + len(first) + 1, len(content) + len(document)]
        content += document
    wanted = rng.sample([name for name in TOOL_NAMES if name != query.tool], 2)
    task = _Task(
        group=group,
        before=_system(index),
        attacked={"role": "user", "content": content},
        places=places,
        tools=_offered(rng, [query.tool, *wanted]),
        expected=Expected(behavior="call", calls=[exact_pattern(query.tool, query.arguments)]),
    )
    return task, wanted


def _result_task(lookup: Lookup, index: int) -> tuple[_Task, list[str]]:
    """A query whose first call has its result, and the tools attackers want."""
    group = f"demo_result_{index:03d}"
    rng = random.Random(group)
    needed = [lookup.tool, *([lookup.next_tool] if lookup.next_tool else [])]
    wanted = rng.sample([name for name in TOOL_NAMES if name not in needed], 2)
    call = {"name": lookup.tool, "arguments": lookup.arguments}
    expected = Expected(behavior="answer", calls=[])
    if lookup.next_tool:
        right = exact_pattern(lookup.next_tool, lookup.next_arguments or {})
        expected = Expected(behavior="call", calls=[right])
    task = _Task(
        group=group,
        before=[
            *_system(index),
            {"role": "user", "content": lookup.text},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"type": "function", "function": call}],
            },
        ],
        attacked={"role": "tool", "name": lookup.tool, "content": lookup.result},
        places=[len(lookup.result)],
        tools=_offered(rng, [*needed, *wanted]),
        expected=expected,
    )
    return task, wanted


def _group(
    task: _Task, location: str, attacks: list[tuple[AttackTemplate, Goal]]
) -> Iterator[Scenario]:
    """The benign twin, then one scenario an attack."""
    twin_id = f"{task.group}_benign"
    yield _scenario(twin_id, task.group, [*task.before, task.attacked], task.tools, task.expected)
    content = task.attacked["content"]
    for number, (template, goal) in enumerate(attacks):
        injection = template.text.format(command=goal.command)
        place = task.places[number % len(task.places)]
        glue = "\n\n" if location == "user" and len(task.places) == 1 else " "
        attacked = f"{content[:place]}{glue}{injection}{content[place:]}"
        yield _scenario(
            f"{task.group}_{template.name}",
            task.group,
            [*task.before, {**task.attacked, "content": attacked}],
            task.tools,
            task.expected,
            attack=Attack(
                category=template.category,
                template=template.name,
                location=location,
                injection=injection,
                targets=[exact_pattern(goal.tool, goal.arguments)],
            ),
            twin_id=twin_id,
        )


def _tool_query(query: Query, index: int) -> Scenario:
    name = f"demo_tool_{index:03d}"
    messages = [*_system(index), {"role": "user", "content": query.text}]
    expected = Expected(behavior="call", calls=[exact_pattern(query.tool, query.arguments)])
    tools = _offered(random.Random(name), [query.tool])
    return _scenario(name, name, messages, tools, expected)


def _without_tool(text: str, index: int, behavior: str) -> Scenario:
    """A question or a request to refuse; in two of three, tools are on offer all the same."""
    name = f"demo_{behavior}_{index:03d}"
    messages = [*_system(index), {"role": "user", "content": text}]
    tools = _offered(random.Random(name), []) if index % 3 else []
    return _scenario(name, name, messages, tools, Expected(behavior=behavior, calls=[]))


def _probe(scenario: Scenario, name: str) -> Scenario:
    """A scenario that probes for over-refusal, under a name of its own."""
    provenance: ScenarioProvenance = {**scenario["provenance"], "record_id": name}
    named: Scenario = {**scenario, "id": name, "group": name, "provenance": provenance}
    return {**named, "probe": "over_refusal"}


def _scenario(
    name: str,
    group: str,
    messages: list[dict[str, Any]],
    tools: list[dict[str, Any]],
    expected: Expected,
    *,
    attack: Attack | None = None,
    twin_id: str | None = None,
) -> Scenario:
    return Scenario(
        id=name,
        source="demo",
        group=group,
        messages=messages,
        tools=tools,
        expected=expected,
        provenance=ScenarioProvenance(source_dataset="demo", record_id=name),
        attack=attack,
        twin_id=twin_id,
    )


def _system(index: int) -> list[dict[str, Any]]:
    if index % 4:
        return []
    content = SYSTEM_MESSAGES[index // 4 % len(SYSTEM_MESSAGES)]
    return [{"role": "system", "content": content}]


def _offered(rng: random.Random, needed: list[str]) -> list[dict[str, Any]]:
    """Two to four tools: those needed, and others, in no telling order."""
    others = [name for name in TOOL_NAMES if name not in needed]
    rng.shuffle(others)
    names = needed + others[: max(0, rng.randint(2, 4) - len(needed))]
    rng.shuffle(names)
    return [tool_schema(name) for name in names]
