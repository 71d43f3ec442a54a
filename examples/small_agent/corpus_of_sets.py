"""The training corpus: conversations in groups that share their tools and their system message.

The tiny agent's corpus, told of more tools. In a group all prompts begin alike, so that what they
begin with is run once.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from corpus import DEMO, Conversation, Messages, World, conversation, system_message
from orders import ORDERS
from phrasings import Call, random_call
from questions import QUESTIONS
from tools import COMMON, Tool, made_up_tool
from without_tools import improper_request, question

from cb_datasets.sources.demo.tools import TOOL_NAMES, tool_schema

KINDS = {
    "benign_call": 0.29,
    "attacked_call": 0.14,
    "tool_result": 0.17,
    "attacked_tool_result": 0.14,
    "answer": 0.16,
    "refusal": 0.10,
}
"""Kinds of conversations and their shares."""

DEMO_SHARE = 0.6
"""Share of groups with none but the demo suite's tools; the others have some or none of them."""


def group(rng: random.Random, size: int) -> list[Conversation]:
    """So many conversations with the same tools on offer (or none) and the same system message."""
    world = _world(rng)
    return [conversation(rng, world, KINDS) for _ in range(size)]


def _world(rng: random.Random) -> World:
    names, others = _drawn(rng)
    of_name = {tool.name: tool for tool in others}
    schemas = [of_name[name].schema if name in of_name else tool_schema(name) for name in names]
    messages: Messages = system_message(rng)
    informing = [
        name for name in names if (of_name[name].informing if name in of_name else name in _FINDING)
    ]

    def call(rng: random.Random, name: str) -> Call:
        if name not in of_name:
            return random_call(rng, name)
        arguments = of_name[name].arguments
        return Call(name, {key: draw(rng) for key, draw in arguments.items()})

    return replace(
        DEMO,
        tools=names,
        asked=[name for name in DEMO.asked if name in names] + list(of_name),
        informing=informing or names,
        orders={**ORDERS, **{tool.name: tool.orders for tool in others}},
        questions={**QUESTIONS, **{tool.name: tool.questions for tool in others}},
        call=call,
        offered=lambda rng, *needed: schemas,
        system=lambda rng: messages,
        without_call={"answer": question, "refusal": improper_request},
    )


_FINDING = frozenset(DEMO.informing)


def _drawn(rng: random.Random) -> tuple[list[str], Sequence[Tool]]:
    """Two to five names in no telling order, and those tools that are none of the demo suite's."""
    if rng.random() < DEMO_SHARE:
        return rng.sample(TOOL_NAMES, rng.choice((2, 3, 3, 4, 4))), []
    count = rng.choice((2, 3, 3, 4, 5))
    others = {tool.name: tool for tool in rng.sample(COMMON, count)}
    for _ in range(rng.choice((0, 1, 1, 2))):
        made = made_up_tool(rng)
        others[made.name] = made
    names = rng.sample([*others], min(len(others), count))
    if rng.random() < 0.5:
        names[rng.randrange(len(names))] = rng.choice(TOOL_NAMES)
    return names, [others[name] for name in names if name in others]
