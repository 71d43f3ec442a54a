"""What each token holds, found by characters: slow, and by other means than the library's.

Each byte is told which character it is of; the injection is found by rendering the prompt anew with
a mark around each of its characters.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

import cb_datasets as cb

OPEN, CLOSE = "\uf8f0", "\uf8f1"


def characters_of_tokens(ids: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> list[range]:
    """The characters that each token holds a part of."""
    byte_of = {character: byte for byte, character in bytes_to_unicode().items()}
    special = {number: token.content for number, token in tokenizer.added_tokens_decoder.items()}
    pieces = [
        special[token].encode()
        if token in special
        else bytes(byte_of[character] for character in tokenizer.convert_ids_to_tokens(token))
        for token in ids
    ]
    text = b"".join(pieces).decode()
    character_of_byte = [n for n, character in enumerate(text) for _ in character.encode()]
    found, at = [], 0
    for piece in pieces:
        held = character_of_byte[at : at + len(piece)]
        found.append(range(held[0], held[-1] + 1))
        at += len(piece)
    return found


def tokens_with(characters: Iterable[int], held: Sequence[range]) -> list[bool]:
    """Which tokens hold one of the characters."""
    wanted = set(characters)
    return [not wanted.isdisjoint(of_token) for of_token in held]


def injected_characters(row: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The characters of a row's prompt that are its injection."""
    messages = [_marked(message, row["attack"]["injection"]) for message in row["messages"]]
    text = cb.render_prompt(messages, row["tools"], tokenizer=tokenizer).text
    found, at, inside = [], 0, False
    for character in text:
        if character in (OPEN, CLOSE):
            inside = character == OPEN
            continue
        if inside:
            found.append(at)
        at += 1
    return found


def _marked(message: Mapping[str, Any], injection: str) -> dict[str, Any]:
    content = message.get("content")
    if message["role"] not in ("user", "tool") or not isinstance(content, str):
        return dict(message)
    is_injected = [False] * len(content)
    for at in range(len(content)):
        if content.startswith(injection, at):
            is_injected[at : at + len(injection)] = [True] * len(injection)
    kept = list(zip(content, is_injected, strict=True))
    if message["role"] == "user":
        # The template takes white space off the ends, and would leave it behind a mark.
        while kept and kept[0][0].isspace():
            kept.pop(0)
        while kept and kept[-1][0].isspace():
            kept.pop()
    return {**message, "content": "".join(f"{OPEN}{c}{CLOSE}" if i else c for c, i in kept)}


def spelled(text: str, role: str) -> str:
    """A part of a prompt as the message says it."""
    return str(json.loads(f'"{text}"')) if role == "tool" else text
