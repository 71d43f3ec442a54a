"""What others show a model in a prompt, as one text: what leakage and duplicates are about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cb_datasets.schema import json_object


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
    return "\n".join(texts)
