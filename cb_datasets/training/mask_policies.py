"""The policies by which the tokens of a row count in a loss: each by name, with what it means.

In: the tokens of a row (`RowTokens`). Out: which stretches of them count, and how much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, TypeAlias

import numpy as np

from cb_datasets.errors import FormatError
from cb_datasets.quoting import quoted
from cb_datasets.training.row_tokens import RowTokens, Stretch

MaskPolicy = Literal[
    "completion",
    "answer",
    "thinking",
    "assistant",
    "tool_calls",
    "action_prefix",
    "tool_name",
    "after_divergence",
    "injection",
    "after_injection",
    "injection_aware",
    "non_system",
    "full",
]
"""The name of a policy; what each means stands in `MASK_POLICIES`."""

TokenWeights: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.float32]]"


@dataclass(frozen=True, slots=True)
class Policy:
    """Which tokens count.

    Attributes:
        meaning: The same in words.
        parts: Weights, and the stretches of tokens that have them.
        by_ids_alone: No tokenizer is needed to tell.
    """

    meaning: str
    parts: tuple[tuple[float, Callable[[RowTokens], Iterable[Stretch]]], ...]
    by_ids_alone: bool = False

    def weights(self, tokens: RowTokens) -> TokenWeights:
        """float32 of shape (n,): the weight of each token of prompt and completion, 0 to 1."""
        weights = np.zeros(tokens.end, np.float32)
        for weight, stretches in self.parts:
            for start, end in stretches(tokens):
                weights[start:end] = weight
        return weights


def _completion(tokens: RowTokens) -> Iterable[Stretch]:
    yield tokens.begin, tokens.end


def _answer(tokens: RowTokens) -> Iterable[Stretch]:
    at = tokens.begin
    for start, end in tokens.thinking:
        yield at, start
        at = end
    yield at, tokens.end


def _assistant(tokens: RowTokens) -> Iterable[Stretch]:
    for turn in tokens.turns:
        if turn.role == "assistant":
            yield turn.body, turn.end
    yield from _completion(tokens)


def _to_the_name(tokens: RowTokens) -> Iterable[Stretch]:
    for _, end in tokens.names[:1]:
        yield tokens.begin, end


def _after_divergence(tokens: RowTokens) -> Iterable[Stretch]:
    yield tokens.parts, tokens.end


def _after_injection(tokens: RowTokens) -> Iterable[Stretch]:
    for _, behind in tokens.injected[:1]:
        for start, end in _assistant(tokens):
            if start >= behind:
                yield start, end


def _non_system(tokens: RowTokens) -> Iterable[Stretch]:
    for turn in tokens.turns:
        if turn.role != "system":
            yield turn.start, turn.end
    yield from _completion(tokens)


def _full(tokens: RowTokens) -> Iterable[Stretch]:
    yield 0, tokens.end


def _calls(tokens: RowTokens) -> Iterable[Stretch]:
    return tokens.calls


def _names(tokens: RowTokens) -> Iterable[Stretch]:
    return tokens.names


def _thinking(tokens: RowTokens) -> Iterable[Stretch]:
    return tokens.thinking


def _injection(tokens: RowTokens) -> Iterable[Stretch]:
    return tokens.injected


MASK_POLICIES: dict[MaskPolicy, Policy] = {
    "completion": Policy(
        "What the model sampled, its end token included.", ((1, _completion),), by_ids_alone=True
    ),
    "answer": Policy(
        "The completion without what the model thinks before it answers.", ((1, _answer),)
    ),
    "thinking": Policy(
        "What the model thinks before it answers, tags included; nothing where it does not.",
        ((1, _thinking),),
    ),
    "assistant": Policy(
        "The completion, and what the assistant said earlier in the prompt, end tokens included, "
        "headers not.",
        ((1, _assistant),),
    ),
    "tool_calls": Policy(
        "The completion's calls, from their tag to the last brace; neither prose nor end token.",
        ((1, _calls),),
    ),
    "action_prefix": Policy(
        "The completion up to the end of its first call's name: all that leads to the decision; "
        "nothing where nothing is called.",
        ((1, _to_the_name),),
    ),
    "tool_name": Policy("The names of the completion's calls.", ((1, _names),)),
    "after_divergence": Policy(
        "The completion from the first token that its pair's other completion does not share.",
        ((1, _after_divergence),),
        by_ids_alone=True,
    ),
    "injection": Policy(
        "The injected text, every occurrence (`injection_spans`); nothing without an attack.",
        ((1, _injection),),
    ),
    "after_injection": Policy(
        "What the assistant says behind the first occurrence of the injection, the completion "
        "among it; nothing without an attack.",
        ((1, _after_injection),),
    ),
    "injection_aware": Policy(
        "Weights: 0.5 for the injected text, 1 for what the assistant says behind it.",
        ((0.5, _injection), (1, _after_injection)),
    ),
    "non_system": Policy(
        "All turns but the system's, headers included; not the begin-of-text.", ((1, _non_system),)
    ),
    "full": Policy("Every token.", ((1, _full),), by_ids_alone=True),
}
"""Each policy by its name."""


def mask_policy(name: str) -> Policy:
    """A policy by its name.

    Raises:
        FormatError: There is none of that name.

    Example:
        >>> mask_policy("tool_name").meaning
        "The names of the completion's calls."
        >>> mask_policy("toolname")
        Traceback (most recent call last):
        cb_datasets.errors.FormatError: there is no mask 'toolname', did you mean 'tool_name'?
    """
    known: dict[str, Policy] = {str(each): policy for each, policy in MASK_POLICIES.items()}
    if name in known:
        return known[name]
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
    raise FormatError(f"there is no mask {quoted(name)}, {hint}")
