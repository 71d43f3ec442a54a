"""The tokenizer of a folder's token ids, where this machine has it; nothing is downloaded.

In: what a manifest says. Out: the tokenizer, or one sentence that says why there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.assets import TINY_AGENT_NAME
from cb_datasets.errors import EngineError
from cb_datasets.models.files import is_hub_id
from cb_datasets.models.tokenizer import load_tokenizer
from cb_datasets.quoting import printable, quoted

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NO_IDS = "no token ids: no tokenizer was named"


@dataclass(frozen=True, slots=True)
class AtHand:
    """A tokenizer, or why there is none."""

    name: str
    tokenizer: PreTrainedTokenizerBase | None = None
    why_not: str = ""


def tokenizer_at_hand(manifest: Mapping[str, Any], named: str | None = None) -> AtHand:
    """The tokenizer of a folder.

    Args:
        manifest: The folder's manifest.
        named: A tokenizer's folder or Hub id, which is then fetched if need be; None takes what
            the manifest names, if it lies on this machine.

    Raises:
        EngineError: The one that was named cannot be had.

    Example:
        >>> tokenizer_at_hand({"engine": {"model": "somebody/else"}}).why_not
        "the tokenizer of these ids, 'somebody/else', is not on this machine; --tokenizer names it"
    """
    if named is not None:
        return AtHand(printable(named), load_tokenizer(named))
    recorded = _recorded(manifest)
    if recorded is None:
        return AtHand("", why_not="the folder does not say whose token ids it holds")
    name, revision = recorded
    folder = None if name == TINY_AGENT_NAME else _in_cache(name, revision)
    missing = f"the tokenizer of these ids, {quoted(name)}, is not on this machine"
    if folder is None and name != TINY_AGENT_NAME:
        return AtHand(name, why_not=f"{missing}; --tokenizer names it")
    try:
        return AtHand(name, load_tokenizer(folder))
    except EngineError as error:
        return AtHand(name, why_not=printable(str(error), 300))


def _recorded(manifest: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """Name and revision of the tokenizer; the engine's is that of all rows of a build."""
    for part, key in (("tokenizer", "name"), ("engine", "model")):
        facts = manifest.get(part)
        if isinstance(facts, Mapping) and isinstance(facts.get(key), str):
            revision = facts.get("revision")
            return facts[key], revision if isinstance(revision, str) else None
    return None


def _in_cache(name: str, revision: str | None) -> Path | None:
    """The snapshot of a Hub model in the local cache, if its tokenizer is there."""
    from huggingface_hub import try_to_load_from_cache

    if not is_hub_id(name):
        return None
    for one in (revision, None):
        found = try_to_load_from_cache(name, "tokenizer.json", revision=one)
        if isinstance(found, str):
            return Path(found).parent
    return None
