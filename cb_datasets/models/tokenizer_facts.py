"""Which tokenizer token ids are of: its name, and a hash of its vocabulary.

Ids of one vocabulary are, as numbers, ids of many others, and decode to nonsense there. What rows
say of theirs is held against the tokenizer that somebody wants to read them with.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import FormatError
from cb_datasets.records.tokenizer import TokenizerFacts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_SNAPSHOT = re.compile(r"models--([\w.-]+?)--([\w.-]+)[/\\]snapshots[/\\]")


def tokenizer_facts(tokenizer: PreTrainedTokenizerBase) -> TokenizerFacts:
    """What rows, manifest and card say of a tokenizer.

    Example:
        >>> from cb_datasets.models.tokenizer import load_tokenizer
        >>> tokenizer_facts(load_tokenizer())["name"]
        'cb_datasets/tiny-agent'
    """
    tokens = _tokens(tokenizer)
    return {
        "name": tokenizer_name(tokenizer),
        "vocabulary_size": len(tokens),
        "vocabulary_hash": _hash(tokens),
    }


def tokenizer_name(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """What records call a tokenizer: a Hub id or a folder's name, never a machine's path."""
    given = str(getattr(tokenizer, "name_or_path", None) or "")
    if snapshot := _SNAPSHOT.search(given):
        return f"{snapshot[1]}/{snapshot[2]}"
    if re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", given):
        return given
    return PurePath(given).name or None


def tokenizer_words(facts: Mapping[str, Any]) -> str:
    """A tokenizer in words.

    Example:
        >>> tokenizer_words({"name": "org/m", "vocabulary_size": 9, "vocabulary_hash": "sha256:0"})
        "'org/m' (9 tokens, sha256:0)"
    """
    named = repr(facts["name"]) if facts["name"] else "without a name"
    return f"{named} ({facts['vocabulary_size']} tokens, {facts['vocabulary_hash']})"


def check_same_vocabulary(
    held: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase, what: str
) -> None:
    """See that ids may be read with a tokenizer: it has every token of theirs, at its place.

    Args:
        held: What is said of the tokenizer they are of (`TokenizerFacts`).
        tokenizer: The tokenizer; tokens may have been added to it, for padding say.
        what: Whose ids they are, for the error.

    Raises:
        FormatError: They are of another vocabulary.
    """
    tokens = _tokens(tokenizer)
    if _hash(tokens[: held["vocabulary_size"]]) != held["vocabulary_hash"]:
        raise FormatError(
            f"{what}: its token ids are of another tokenizer, {tokenizer_words(held)}, than the "
            f"one that was given, {tokenizer_words(tokenizer_facts(tokenizer))}"
        )


def _tokens(tokenizer: PreTrainedTokenizerBase) -> list[tuple[int, str]]:
    return sorted((number, token) for token, number in tokenizer.get_vocab().items())


def _hash(tokens: list[tuple[int, str]]) -> str:
    return f"sha256:{hashlib.sha256(json.dumps(tokens).encode()).hexdigest()[:16]}"
