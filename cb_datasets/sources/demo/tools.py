"""The tools of the demo suite's made-up world, as OpenAI function schemas.

Each tool has few arguments, whose values stand word for word in the query, so that a small model
can make the right call and a program can check it.
"""

from __future__ import annotations

import copy
from typing import Any


def _tool(name: str, description: str, /, **parameters: str) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": {key: {"type": kind} for key, kind in parameters.items()},
                "required": list(parameters),
            },
        },
    }


_TOOLS = {
    tool["function"]["name"]: tool
    for tool in (
        _tool("retrieve_multimodal_docs", "Search internal documents and slides.", query="string"),
        _tool("search_web", "Search the public web.", query="string"),
        _tool("get_weather", "Weather forecast for a city.", city="string"),
        _tool("add_event", "Add an event to the calendar.", title="string", day="string"),
        _tool("send_email", "Send an email.", to="string", subject="string"),
        _tool("save_note", "Save a note.", text="string"),
        _tool(
            "transfer_money",
            "Transfer crowns at Fennel Bank.",
            account="string",
            amount="number",
        ),
        _tool("find_contact", "Look up a person in the address book.", name="string"),
    )
}

TOOL_NAMES = tuple(_TOOLS)
"""Names of all tools of the made-up world."""


def tool_schema(name: str) -> dict[str, Any]:
    """The OpenAI function schema of a tool, a copy of its own.

    Example:
        >>> tool_schema("get_weather")["function"]["parameters"]["required"]
        ['city']
    """
    return copy.deepcopy(_TOOLS[name])


def parameters_of(name: str) -> tuple[str, ...]:
    """Names of a tool's parameters, in the order of its schema.

    Example:
        >>> parameters_of("transfer_money")
        ('account', 'amount')
    """
    return tuple(_TOOLS[name]["function"]["parameters"]["required"])
