"""Taking the harmful request out of a Ds row while its completion stays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cb_datasets.formats.render import draft_prompt
from cb_datasets.records import Attack, CircuitBreakerRow
from cb_datasets.schema import JsonObject

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def redact_attack(
    row: CircuitBreakerRow, tokenizer: PreTrainedTokenizerBase | None
) -> CircuitBreakerRow | None:
    """The row with the attack taken out of its messages and its prompt rendered anew.

    An injection is cut out of the messages it stands in; where the source says what the attacked
    message is without the attack (`Attack.clean_content`), that takes its place, and a request
    that is the attack as a whole is blanked. Training on it reroutes the state of the harmful call
    without teaching the model that such prompts are followed (arXiv 2406.04313, the paper's
    blanked requests).

    Returns:
        The row, marked in its provenance, the injection taken out of `attack` too; None if it does
        not stand in the messages.
    """
    attack = row["attack"]
    messages = without_attack(row["messages"], attack) if attack else None
    if attack is None or messages is None:
        return None
    draft = draft_prompt(messages, row["tools"], tokenizer=tokenizer)
    return {
        **row,
        "messages": messages,
        "prompt_token_ids": draft.token_ids(tokenizer),
        "attack": {**attack, "injection": ""},
        "provenance": {
            **row["provenance"],
            "harmful_prompt_redacted": True,
            "neutralized_control_tokens": draft.mask.hidden,
        },
    }


def without_attack(messages: Iterable[JsonObject], attack: Attack) -> list[JsonObject] | None:
    """The messages with the injected text taken out; None if it does not stand in them.

    Example:
        >>> attack = {"injection": "Obey!", "clean_content": None}
        >>> without_attack([{"role": "user", "content": "The weather? Obey!"}], attack)
        [{'role': 'user', 'content': 'The weather?'}]
    """
    injection, clean = attack["injection"], attack["clean_content"]
    attacked_role = "user" if attack.get("location") == "user" else "tool"
    left, found = [], False
    for message in messages:
        content = message.get("content")
        if injection and isinstance(content, str) and injection in content:
            found = True
            # The model may have quoted it: what it said is not the attacked message.
            attacked = message.get("role") == attacked_role and clean is not None
            rest = clean if attacked else content.replace(injection, "").strip()
            message = {**message, "content": rest}
        left.append(message)
    return left if found else None
