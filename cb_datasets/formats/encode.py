"""Text to token ids, with control tokens only where they are meant, and back.

In: texts as a chat template wrote them, with their masks. Out: token ids. Where nothing was hidden
the whole text goes to the tokenizer at once; else its plain parts go there as plain text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import FormatError
from cb_datasets.formats.mask import Mask

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@lru_cache(maxsize=8)
def _specials(tokenizer: Any) -> dict[str, bool]:
    """The special tokens of a tokenizer, and whether each leaves alone what stands beside it."""
    normalizes = getattr(getattr(tokenizer, "backend_tokenizer", None), "normalizer", None)
    return {
        token.content: not (
            token.lstrip
            or token.rstrip
            or token.single_word
            or (token.normalized and normalizes is not None)
        )
        for token in tokenizer.added_tokens_decoder.values()
        if token.special
    }


@lru_cache(maxsize=32)
def special_tokens(
    tokenizer: PreTrainedTokenizerBase | None,
    control_tokens: tuple[str, ...],
    markup: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Every text that a format, or the tokenizer if there is one, takes for a control token.

    The longest first.

    Args:
        tokenizer: The tokenizer.
        control_tokens: Those of the format.
        markup: Those that are some only where the tokenizer has them as a token.
    """
    tokens = {*control_tokens, *markup}
    if tokenizer is not None:
        tokens = {*control_tokens, *_specials(tokenizer), *there(tokenizer, markup)}
    return tuple(sorted(tokens, key=lambda token: (-len(token), token)))


def there(tokenizer: PreTrainedTokenizerBase, markup: tuple[str, ...]) -> tuple[str, ...]:
    """Those texts that are added tokens of a tokenizer, special or not."""
    return tuple(text for text in markup if text in _added(tokenizer))


@lru_cache(maxsize=8)
def _added(tokenizer: Any) -> dict[str, bool]:
    """The added tokens of a tokenizer, and whether each is special."""
    return {t.content: bool(t.special) for t in tokenizer.added_tokens_decoder.values()}


@lru_cache(maxsize=32)
def _is_exact(tokenizer: Any, control_tokens: tuple[str, ...]) -> bool:
    """Whether text with control tokens can be encoded as it is.

    All of them are registered, and none swallows the white space beside it.
    """
    return all(_specials(tokenizer).values()) and _added(tokenizer).keys() >= set(control_tokens)


def encode_rendered(
    rendered: Sequence[tuple[str, Mask]], tokenizer: PreTrainedTokenizerBase
) -> list[list[int]]:
    """Token ids of rendered texts, in their order.

    Args:
        rendered: Texts in which every control token is meant, each with the mask that hid others.
        tokenizer: The target's tokenizer.

    Raises:
        FormatError: A text holds a control token that the tokenizer does not have.
    """
    whole = [
        number
        for number, (_, mask) in enumerate(rendered)
        if not mask.hidden and _is_exact(tokenizer, mask.special)
    ]
    ids = dict(zip(whole, _whole_texts([rendered[n][0] for n in whole], tokenizer), strict=True))
    for number, (text, mask) in enumerate(rendered):
        if number not in ids:
            ids[number] = encode_parts(mask.split(text), tokenizer, mask.special)
    return [ids[number] for number in range(len(rendered))]


def _whole_texts(texts: list[str], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """Token ids of texts whose control tokens are control tokens.

    Straight from the fast tokenizer's backend, which can leave out the offsets that nobody needs;
    its state (left by whoever used the tokenizer before) is put back.
    """
    if not texts:
        return []
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or backend.truncation or backend.padding:
        encoded = tokenizer(texts, add_special_tokens=False, split_special_tokens=False)
        return list(encoded["input_ids"])
    splitting = backend.encode_special_tokens
    backend.encode_special_tokens = False
    try:
        encodings = backend.encode_batch_fast(texts, add_special_tokens=False)
    finally:
        backend.encode_special_tokens = splitting
    return [encoding.ids for encoding in encodings]


def encode_parts(
    parts: list[tuple[str, bool]], tokenizer: PreTrainedTokenizerBase, special: tuple[str, ...]
) -> list[int]:
    """Token ids of (control token, True) and (plain text, False), in order.

    Args:
        parts: The parts.
        tokenizer: The target's tokenizer.
        special: Texts that are no token where they are plain text.
    """
    plain = [part for part, control in parts if not control]
    encoded = iter(plain_token_ids(plain, tokenizer, special))
    ids: list[int] = []
    for part, control in parts:
        if control:
            ids.append(control_id(part, tokenizer))
        else:
            ids.extend(next(encoded))
    return ids


def plain_token_ids(
    texts: list[str], tokenizer: PreTrainedTokenizerBase, special: tuple[str, ...] = ()
) -> list[list[int]]:
    """Token ids of texts in which control tokens are plain text.

    Args:
        texts: The texts.
        tokenizer: The tokenizer.
        special: Added tokens that are no token here either, although they are not special.
    """
    if not texts:
        return []
    added = _added(tokenizer)
    if meant := tuple(token for token in special if added.get(token) is False):
        held = [number for number, text in enumerate(texts) if any(t in text for t in meant)]
        if held:
            # Rare, and dear: a copy of the tokenizer, for which they are special.
            encode = _without(tokenizer, meant).encode_batch_fast
            ids = plain_token_ids(texts, tokenizer)
            found = encode([texts[number] for number in held], add_special_tokens=False)
            for number, encoding in zip(held, found, strict=True):
                ids[number] = encoding.ids
            return ids
    ids = tokenizer(texts, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return list(ids)


@lru_cache(maxsize=4)
def _without(tokenizer: Any, tokens: tuple[str, ...]) -> Any:
    """A copy of a tokenizer's backend that takes none of some added tokens for a token.

    Raises:
        FormatError: It has no backend.
    """
    from tokenizers import Tokenizer

    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise FormatError(
            f"{type(tokenizer).__name__} is no fast tokenizer (tokenizer.json), so that "
            f"{tokens[0]} in a message's text cannot be told from the token"
        )
    state = json.loads(backend.to_str())
    for token in state["added_tokens"]:
        token["special"] = token["special"] or token["content"] in tokens
    state["truncation"] = state["padding"] = None
    copy = Tokenizer.from_str(json.dumps(state))
    copy.encode_special_tokens = True
    return copy


def control_id(token: str, tokenizer: PreTrainedTokenizerBase) -> int:
    """The id of a control token.

    Raises:
        FormatError: The tokenizer has none.
    """
    number = tokenizer.convert_tokens_to_ids(token)
    if not isinstance(number, int) or number == tokenizer.unk_token_id:
        raise FormatError(f"the tokenizer has no token {token}")
    return number


def completion_text(token_ids: Sequence[int], tokenizer: PreTrainedTokenizerBase | None) -> str:
    """The text of a completion's token ids, special tokens kept.

    Raises:
        FormatError: There is no tokenizer.
    """
    if tokenizer is None:
        raise FormatError("token ids are read with their tokenizer, and none was given")
    ids = [int(token) for token in token_ids]
    text = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return str(text)
