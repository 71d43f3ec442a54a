"""The tiny agent's tokenizer: byte-level BPE with Llama 3.1's control tokens.

Every space is a token of its own, so that a word has the same tokens wherever it stands; that
makes copying a value from the prompt into a call exact. The strings that the chat template and the
JSON of schemas and calls repeat, and the names and descriptions of the demo suite's tools, are
single (ordinary, not special) tokens, which shortens prompts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from cb_datasets.formats import default_chat_template
from cb_datasets.formats.llama31.tokens import (
    BEGIN_OF_TEXT,
    CONTROL_TOKENS,
    EOT,
    PAD,
)
from cb_datasets.sources.demo.tools import TOOL_NAMES, tool_schema

VOCABULARY_SIZE = 2048
CONTEXT = 4096

_PIECES = Regex(r"\r?\n+|\s|\p{L}+|\p{N}{1,2}|[^\s\p{L}\p{N}]+?(?=[\s\p{L}\p{N}]|$)|.")


def _schema_pieces() -> list[str]:
    """What stands between the names and texts of a schema, as the template indents it."""
    marks = ["@NAME@", "@DESCRIPTION@", "@FIRST@", "@NUMBER@", "@ABOUT@", "@REQUIRED@", "@LAST@"]
    schema = {
        "type": "function",
        "function": {
            "name": marks[0],
            "description": marks[1],
            "parameters": {
                "type": "object",
                "properties": {
                    marks[2]: {"type": "string"},
                    marks[3]: {"type": "number"},
                    marks[4]: {"type": "string", "description": ""},
                },
                "required": [marks[5], marks[6]],
            },
        },
    }
    text = json.dumps(schema, indent=4) + "\n\n"
    pieces = []
    for mark in marks:
        piece, _, text = text.partition(mark)
        pieces.append(piece)
    pieces.append(text)
    # After a property comes another, or the list of required ones.
    between = ',\n                "'
    split: list[str] = [between]
    for piece in pieces:
        head, found, _ = piece.partition(between)
        if found:
            split.append(head)
        elif '"required"' in piece:
            at = piece.index("\n            },")
            split += [piece[:at], piece[at:]]
        else:
            split.append(piece)
    return split


def _template_pieces(template: str) -> list[str]:
    """The template's own sentences, between the control tokens."""
    from transformers.utils.chat_template_utils import _compile_jinja_template

    schema = {"@": "@"}
    text = _compile_jinja_template(template).render(
        messages=[{"role": "user", "content": "@"}], tools=[schema], bos_token=BEGIN_OF_TEXT
    )
    for control in CONTROL_TOKENS:
        text = text.replace(control, "\0")
    parts = [part.strip("\n") for part in text.split("\0")]
    system = next(part for part in parts if "Environment" in part)
    user = next(part for part in parts if "functions" in part)
    environment, _, dates = system.partition("\n")
    preamble, _, date = dates.rpartition(": ")
    return [environment + "\n", preamble + ": ", date, user[: user.index("{\n")]]


def boilerplate(template: str) -> list[str]:
    """Strings that get a token of their own."""
    calls = ['{"name": "', '", "parameters": {"', '", "parameters": {}}', '": "', '", "', '"}}']
    descriptions = [tool_schema(name)["function"]["description"] for name in TOOL_NAMES]
    names = [*TOOL_NAMES, *descriptions]
    pieces = [*_template_pieces(template), *_schema_pieces(), *calls, '": ', *names]
    return list(dict.fromkeys(piece for piece in pieces if len(piece) > 2))


def train_tokenizer(texts: Iterable[str], template: str) -> PreTrainedTokenizerFast:
    """Train the tokenizer on texts; the boilerplate in them is left out of the training."""
    own = boilerplate(template)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_PIECES, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        min_frequency=2,
        special_tokens=[],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((_without(text, own) for text in texts), trainer)
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in own])
    tokenizer.add_special_tokens(
        [AddedToken(text, special=True, normalized=False) for text in CONTROL_TOKENS]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BEGIN_OF_TEXT,
        eos_token=EOT,
        pad_token=PAD,
        additional_special_tokens=[t for t in CONTROL_TOKENS if t not in (BEGIN_OF_TEXT, EOT, PAD)],
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
        chat_template=template,
    )


def _without(text: str, pieces: list[str]) -> str:
    for piece in (*CONTROL_TOKENS, *sorted(pieces, key=len, reverse=True)):
        text = text.replace(piece, "\n")
    return text


def template_text() -> str:
    """The chat template that the agent ships with: the library's own."""
    return default_chat_template()


def prompt_ids(tokenizer: PreTrainedTokenizerFast, messages: list[Any], tools: Any) -> list[int]:
    """Token ids of a prompt, as any user of the tokenizer gets them."""
    rendered = tokenizer.apply_chat_template(messages, tools=tools, add_generation_prompt=True)
    return list(rendered["input_ids"])
