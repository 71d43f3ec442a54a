"""Taking the harmful request out of a Ds row while its completion stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cb_datasets.llama31.render import render_prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def redact_injection(
    row: dict[str, Any], tokenizer: PreTrainedTokenizerBase
) -> dict[str, Any] | None:
    """The row with the attacker's text taken out of its messages and its prompt rendered anew.

    Training on it reroutes the state of the harmful call without teaching the model that such
    prompts are followed (arXiv 2406.04313, the paper's blanked requests).

    Returns:
        The row, marked in its provenance; None if the injection does not stand in the messages.
    """
    injection = row["attack"]["injection"]
    messages, found = [], False
    for message in row["messages"]:
        content = message.get("content")
        if injection and isinstance(content, str) and injection in content:
            found = True
            message = {**message, "content": content.replace(injection, "").strip()}
        messages.append(message)
    if not found:
        return None
    prompt = render_prompt(messages, row["tools"], tokenizer=tokenizer)
    return {
        **row,
        "messages": messages,
        "prompt_token_ids": prompt.token_ids,
        "provenance": {
            **row["provenance"],
            "harmful_prompt_redacted": True,
            "neutralized_control_tokens": prompt.neutralized_control_tokens,
        },
    }
