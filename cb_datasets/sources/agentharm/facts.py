"""What the inspect-evals package says about AgentHarm's tools: their schemas, nothing else.

The facts stand in `agentharm_facts.json`, exported once by `examples/export_agentharm_facts.py`;
the file names version, licence and copyright. AgentHarm's prompts are not part of this library.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def agentharm_tools(kind: str) -> dict[str, dict[str, Any]]:
    """OpenAI function schemas by name, of the functions behaviours of a kind are written for.

    Args:
        kind: "harmful" or "benign"; a few functions differ between the two.

    Raises:
        KeyError: If there are no such behaviours.

    Example:
        >>> agentharm_tools("benign")["terminal"]["function"]["parameters"]["required"]
        ['command']
        >>> agentharm_tools("benign").keys() == agentharm_tools("harmful").keys()
        False
    """
    text = files(__package__).joinpath("facts.json").read_text("utf-8")
    tools = json.loads(text)["tools"]
    return {tool["function"]["name"]: tool for tool in [*tools["shared"], *tools[kind]]}
