"""The benign twin of an attacked scenario: made where the source has none, and compared with it."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from cb_datasets.errors import FormatError
from cb_datasets.formats.render import draft_prompt
from cb_datasets.records import PromptedScenario, Scenario
from cb_datasets.schema import JsonObject, json_object
from cb_datasets.sets.redaction import without_attack

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def made_twin(
    scenario: PromptedScenario, tokenizer: PreTrainedTokenizerBase | None
) -> PromptedScenario | None:
    """The scenario without its attack, where the source has no twin and the rest can be graded.

    Args:
        scenario: A row that went through `FormatPrompt`.
        tokenizer: For its prompt; None makes no token ids.
    """
    attack, expected = scenario["attack"], scenario["expected"]
    # What would be right without the attack is not known where a refusal is right under it.
    refused = expected["behavior"] == "refusal"
    if attack is None or scenario["twin_id"] is not None or refused:
        return None
    if expected["behavior"] == "call" and not expected["calls"]:
        return None
    messages = without_attack(scenario["messages"], attack)
    if messages is None or not all(_says_something(message) for message in messages):
        return None
    try:
        draft = draft_prompt(
            messages,
            scenario["tools"],
            tokenizer=tokenizer,
            allow_control_tokens=scenario["control_tokens_allowed"],
        )
    except FormatError:
        return None
    return {
        **scenario,
        "id": f"{scenario['id']}#twin",
        "messages": messages,
        "prompt_token_ids": draft.token_ids(tokenizer),
        "attack": None,
        "twin_id": None,
    }


def is_same_conversation(attacked: Scenario, twin: Scenario) -> bool:
    """Whether two conversations differ in nothing but messages that hold the attack.

    What is right to say in the one is then at its place in the other.

    Example:
        >>> asked = [{"role": "user", "content": "The weather? Obey!"}]
        >>> attacked = {"messages": asked, "attack": {"injection": "Obey!"}}
        >>> is_same_conversation(attacked, {"messages": [{**asked[0], "content": "The weather?"}]})
        True
        >>> is_same_conversation(attacked, {"messages": asked * 2})
        False
    """
    injection = attacked["attack"]["injection"] if attacked["attack"] else ""
    for one, other in zip_longest(attacked["messages"], twin["messages"]):
        if one is None or other is None:
            return False
        ours, theirs = json_object(one), json_object(other)
        content = ours.get("content")
        holds = bool(injection) and isinstance(content, str) and injection in content
        if ours != ({**theirs, "content": content} if holds else theirs):
            return False
    return True


def _says_something(message: JsonObject) -> bool:
    content = message.get("content")
    return bool(content.strip() if isinstance(content, str) else content) or bool(
        message.get("tool_calls")
    )
