"""What the masks of a policy are, said by characters: slow, and by other means than the library's.

The prompt is walked through token by token for its turns; calls are read off the completion's text,
which must be in the canonical dialect.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from transformers import PreTrainedTokenizerBase

from tests.formats.llama31.slow_characters import (
    characters_of_tokens,
    injected_characters,
    tokens_with,
)

TAG = "<|python_tag|>"


def slow_masks(
    row: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase, divergence: int
) -> dict[str, list[float]]:
    """The weight of each token of a row, by each policy."""
    prompt, said = row["prompt_token_ids"], row["completion_token_ids"]
    held = characters_of_tokens([*prompt, *said], tokenizer)
    begin, end = held[len(prompt)].start, held[-1].stop
    completion = set(range(begin, end))
    calls = list(_calls(row["assistant_raw"], begin))
    assistant = completion | {c for role, c in _bodies(prompt, tokenizer) if role == "assistant"}
    injected = injected_characters(row, tokenizer) if row["attack"] else []
    first = list(takewhile(lambda pair: pair[0] == pair[1] - injected[0], enumerate(injected)))
    later = {c for c in assistant if injected and c > first[-1][1]}
    by_policy: dict[str, list[tuple[float, set[int]]]] = {
        "completion": [(1, completion)],
        "assistant": [(1, assistant)],
        "tool_calls": [(1, {c for call, _ in calls for c in call})],
        "action_prefix": [(1, {c for _, name in calls[:1] for c in range(begin, name.stop)})],
        "tool_name": [(1, {c for _, name in calls for c in name})],
        "after_divergence": [(1, {c for one in held[len(prompt) + divergence :] for c in one})],
        "injection": [(1, set(injected))],
        "after_injection": [(1, later)],
        "injection_aware": [(0.5, set(injected)), (1, later)],
        "non_system": [(1, completion | _not_of_the_system(prompt, tokenizer))],
        "full": [(1, set(range(end)))],
        "answer": [(1, completion)],
        "thinking": [],
    }
    return {policy: _weights(parts, held) for policy, parts in by_policy.items()}


def _weights(parts: list[tuple[float, set[int]]], held: Sequence[range]) -> list[float]:
    weights = [0.0] * len(held)
    for weight, characters in parts:
        for number, counts in enumerate(tokens_with(characters, held)):
            weights[number] = weight if counts else weights[number]
    return weights


def _turns(
    prompt: Sequence[int], tokenizer: PreTrainedTokenizerBase
) -> Iterator[tuple[str, int, int]]:
    """Role, the first token of the turn, and the first character of what is said in it."""
    held = characters_of_tokens(prompt, tokenizer)
    open_id, close_id = (
        tokenizer.convert_tokens_to_ids(token)
        for token in ("<|start_header_id|>", "<|end_header_id|>")
    )
    for number, token in enumerate(prompt):
        if token == open_id:
            close = number + list(prompt[number:]).index(close_id)
            role = tokenizer.decode(prompt[number + 1 : close])
            yield role, held[number].start, held[close].stop + len("\n\n")


def _bodies(prompt: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> Iterator[tuple[str, int]]:
    turns = list(_turns(prompt, tokenizer))
    stops = [start for _, start, _ in turns[1:]]
    for (role, _, body), stop in zip(turns, stops, strict=False):
        for character in range(body, stop):
            yield role, character


def _not_of_the_system(prompt: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> set[int]:
    turns = list(_turns(prompt, tokenizer))
    end = characters_of_tokens(prompt, tokenizer)[-1].stop
    stops = [*(start for _, start, _ in turns[1:]), end]
    return {
        character
        for (role, start, _), stop in zip(turns, stops, strict=True)
        if role != "system"
        for character in range(start, stop)
    }


def _calls(text: str, begin: int) -> Iterator[tuple[range, range]]:
    """The characters of each call, and of its name."""
    at = text.find(TAG)
    start = at
    at += len(TAG)
    while start >= 0 and text.startswith("{", at):
        _, end = json.JSONDecoder().raw_decode(text, at)
        name = text.index('"name": "', at) + len('"name": "')
        stop = text.index('"', name)
        yield range(begin + start, begin + end), range(begin + name, begin + stop)
        start = at = end + len("; ")
