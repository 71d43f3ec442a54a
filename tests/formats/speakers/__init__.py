"""What is known of each format for the tests that all must pass: one file a format, by its name.

A file holds `SPEAKER`. `test_every_format` finds it, and misses it where a format has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerBase

from cb_datasets.formats import ToolCall
from tests.fixtures.toy_tokenizer import toy_tokenizer

F = ToolCall("f", {"n": 1})
G = ToolCall("g", {})


@dataclass(frozen=True)
class Speaker:
    """A format, as its models speak it.

    Attributes:
        specials: The special tokens that its vocabularies have.
        templates: Chat templates, or what gives them.
        spellings: Completions, the calls in them, and what is said beside.
        broken: Completions without a call, and a part of the problem that is told.
        tags: Tokens that are special in no vocabulary, and in some no token at all.
        bos: The token that a prompt begins with.
        eos: The token that ends a completion, for templates that ask the tokenizer.
        mute: The templates that write no prose in a message of calls.
        systemless: Those in which a system message has no turn of its own.
    """

    specials: tuple[str, ...]
    templates: Mapping[str, str | Callable[[], str]]
    spellings: Sequence[tuple[str, list[ToolCall], str]]
    broken: Sequence[tuple[str, str]]
    tags: tuple[str, ...] = ()
    bos: str | None = None
    eos: str | None = None
    mute: tuple[str, ...] = ()
    systemless: tuple[str, ...] = ()

    def tokenizer(self, template: str, *, tags: bool = True) -> PreTrainedTokenizerBase:
        """A tokenizer with one of the templates; skips where its package is not there."""
        given, added = self.templates[template], self.tags if tags else ()
        text = given if isinstance(given, str) else given()
        return toy_tokenizer(self.specials, added, template=text, bos=self.bos, eos=self.eos)


def trl(name: str) -> Callable[[], str]:
    """A chat template that TRL ships: a real model's."""

    def read() -> str:
        module = pytest.importorskip("trl", reason="trl is not installed")
        file = Path(module.__file__).parent / "chat_templates" / f"{name}.jinja"
        return file.read_text(encoding="utf-8")

    return read


def speaker(name: str) -> Speaker:
    """That of a format."""
    found = import_module(f"{__name__}.{name}").SPEAKER
    assert isinstance(found, Speaker)
    return found
