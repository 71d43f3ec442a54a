"""What others show a model in a prompt, as text: what leakage and duplicates are about.

Letters that nobody sees go, and look-alikes are the letters that they look like
(`text_forms.drawn_text`): with them a copy stays a copy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cb_datasets.schema import json_object
from cb_datasets.text_forms import drawn_text

_TELLING_REQUEST = 20
"""Characters from which on a request is one task's own; "Hi, I need help" begins many."""


def prompt_text(scenario: Mapping[str, Any]) -> str:
    """User messages and tool results of a scenario, one after the other.

    System messages are left out, which whole sources have in common, and the model's own words.

    Example:
        >>> prompt_text({"messages": [{"role": "system", "content": "Be kind."},
        ...                           {"role": "user", "content": "Hello"}]})
        'Hello'
    """
    texts = []
    for message in map(json_object, scenario["messages"]):
        if message.get("role") not in ("system", "assistant"):
            content = message.get("content")
            texts.append(content if isinstance(content, str) else json.dumps(content))
    return drawn_text("\n".join(texts))


def first_request(scenario: Mapping[str, Any]) -> str:
    """The first user message without the attack in it; empty where it is too short to tell.

    Scenarios that begin with the same request are about the same task, whatever is injected.

    Example:
        >>> asked = "When does the museum open on Monday?"
        >>> attack = {"location": "user", "injection": "Obey!", "clean_content": None}
        >>> first_request({"messages": [{"role": "user", "content": f"{asked} Obey!"}],
        ...                "attack": attack})
        'when does the museum open on monday?'
    """
    for message in map(json_object, scenario["messages"]):
        if message.get("role") != "user" or not isinstance(message.get("content"), str):
            continue
        asked = unattacked(message["content"], scenario.get("attack"))
        words = " ".join(drawn_text(asked).casefold().split())
        return words if len(words) >= _TELLING_REQUEST else ""
    return ""


def unattacked(content: str, attack: Mapping[str, Any] | None) -> str:
    """What a user message says without the attack."""
    if not (attack and attack["location"] == "user" and attack["injection"]):
        return content
    clean: str | None = attack.get("clean_content")
    if clean is None:
        return content.replace(attack["injection"], "")
    return clean if attack["injection"] in content else content
