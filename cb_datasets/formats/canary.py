"""The canary: a known dialog, written by a model's own chat template before anything is sampled.

In: a tokenizer. Out: the format that its template writes, or one sentence that says what is missing
from the format that it comes nearest to. A template of another format drops tools or results
without a word, and what is sampled then says nothing of the model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import FormatError
from cb_datasets.formats.calls import ToolCall
from cb_datasets.formats.chat_template import chat_template_of
from cb_datasets.formats.completion import render_completion
from cb_datasets.formats.draft import template_draft
from cb_datasets.formats.encode import (
    completion_text,
    control_id,
    encode_parts,
    special_tokens,
)
from cb_datasets.formats.format import Format
from cb_datasets.formats.known import FORMATS
from cb_datasets.formats.response_template import Untold, response_format
from cb_datasets.formats.turns import TurnSpan
from cb_datasets.quoting import quoted

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_TOOL = "canary_lookup_3b1f"
_DESCRIBED = "Looks up what canary 3b1f sings."
_ARGUMENTS = {"song": "canary argument 3b1f"}
_SYSTEM, _QUESTION = "Canary system 3b1f.", "Canary question 3b1f:"
_RESULT = "Canary result 3b1f."
_ROLES = ("system", "user", "assistant", "tool")

CANARY_TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": _TOOL,
            "description": _DESCRIBED,
            "parameters": {
                "type": "object",
                "properties": {"song": {"type": "string", "description": "Which song."}},
                "required": ["song"],
            },
        },
    }
]
"""The tool on offer."""


def canary_messages(hostile: str) -> list[dict[str, Any]]:
    """The known dialog: a question with hostile text in it, a call, and its result.

    Args:
        hostile: Text that holds control tokens.
    """
    called = {"type": "function", "function": {"name": _TOOL, "arguments": _ARGUMENTS}}
    return [
        {"role": "system", "content": _SYSTEM},
        {"role": "user", "content": f"{_QUESTION} {hostile}."},
        {"role": "assistant", "content": "", "tool_calls": [called]},
        {"role": "tool", "content": _RESULT},
    ]


def format_of(tokenizer: PreTrainedTokenizerBase) -> Format:
    """The format that a tokenizer's chat template writes; found out once for each of the two.

    Raises:
        FormatError: It is none that is known; one sentence says what is missing.

    Example:
        >>> from cb_datasets.models.tokenizer import load_tokenizer
        >>> format_of(load_tokenizer(None)).name
        'llama31'
    """
    brought = json.dumps(getattr(tokenizer, "response_template", None), default=str)
    found = _found(tokenizer, chat_template_of(tokenizer), brought)
    if isinstance(found, str):
        raise FormatError(found)
    return found


@lru_cache(maxsize=16)
def _found(tokenizer: Any, template: str, brought: str) -> Format | str:
    found = _one_of_ours(tokenizer)
    if isinstance(found, Format) or brought == "null":
        return found
    try:
        known = response_format(tokenizer)
    except FormatError as error:
        return str(error)
    if known is None:
        return found
    if missing := "; ".join(_faults(tokenizer, known)):
        return f"the chat template does not write what its response_template reads: {missing}"
    if known.name not in FORMATS.names():
        FORMATS.add(known)
    return FORMATS.find(known.name)


def _one_of_ours(tokenizer: Any) -> Format | str:
    """The format that a template writes, or what is missing from that which it comes nearest to."""
    registered = {str(t) for t in tokenizer.added_tokens_decoder.values() if t.special}
    ours = [known for known in FORMATS if known.needs]
    lacking = {
        known.name: [token for token in known.needs if token not in registered] for known in ours
    }
    complete = [known for known in ours if not lacking[known.name]]
    if not complete:
        nearest = min(ours, key=lambda known: len(lacking[known.name]) / len(known.needs))
        missing = ", ".join(lacking[nearest.name])
        return f"the tokenizer lacks special tokens of the {nearest.title} format: {missing}"
    reports = {}
    for known in complete:
        reports[known.name] = faults = list(_faults(tokenizer, known))
        if not faults:
            return known
    nearest = min(complete, key=lambda known: len(reports[known.name]))
    missing = "; ".join(reports[nearest.name])
    return f"the chat template does not write the {nearest.title} format: {missing}"


def _faults(tokenizer: PreTrainedTokenizerBase, known: Format) -> Iterator[str]:
    """What is missing from a format in what the tokenizer's template makes of the dialog."""
    hostile = " ".join((*known.needs, *known.markup))
    try:
        plain, draft = (
            template_draft(
                canary_messages(text),
                CANARY_TOOLS,
                of=known,
                tokenizer=tokenizer,
                date_string="26 Jul 2024",
                allow_control_tokens=False,
            )
            for text in ("Hi", hostile)
        )
        ids = encode_parts(draft.mask.split(draft.text), tokenizer, draft.mask.special)
        in_parts = encode_parts(plain.mask.split(plain.text), tokenizer, plain.mask.special)
    except FormatError as error:
        yield f"it refuses a dialog with a tool, a call and its result ({error})"
        return
    if in_parts != tokenizer(plain.text, add_special_tokens=False)["input_ids"]:
        yield "part by part the prompt is encoded otherwise than as a whole"
    if known.begin is not None:
        begin = control_id(known.begin, tokenizer)
        if ids[:1] != [begin] or ids.count(begin) != 1:
            yield f"the prompt does not begin with one {known.begin}"
    if _TOOL not in draft.text or _DESCRIBED not in draft.text:
        yield "the tools on offer do not stand in the prompt"
    control = {*special_tokens(tokenizer, known.control_tokens, known.markup)}
    special = {n for n, t in tokenizer.added_tokens_decoder.items() if t.content in control}
    if sum(token in special for token in ids) != sum(token in special for token in in_parts):
        yield "control tokens in a message's text become control tokens of the prompt"
    if isinstance(known.headers, Untold):
        yield from _whole_faults(completion_text(ids, tokenizer), known, hostile)
        return
    turns = known.headers.turns(ids, tokenizer)
    if not known.headers.await_completion(ids, turns, tokenizer):
        yield "the prompt does not end with the header of the assistant's turn"
    told = known.headers.with_messages(turns, _ROLES)
    if not told:
        names = ", ".join(turn.role for turn in turns) or "none"
        yield f"its turns are not those of the messages ({quoted(names)})"
        return
    yield from _turn_faults(ids, {turn.message: turn for turn in told}, tokenizer, known, hostile)


def _whole_faults(prompt: str, known: Format, hostile: str) -> Iterator[str]:
    """What is missing from a prompt whose turns cannot be told."""
    parts = {"the system message": _SYSTEM, "the user's message": f"{_QUESTION} {hostile}"}
    for what, text in {**parts, "the result of a call": _RESULT}.items():
        if text not in prompt:
            yield f"{what} does not stand in the prompt"
    try:
        render_completion("", [ToolCall(_TOOL, _ARGUMENTS)], format=known)
    except FormatError as error:
        yield f"a call is not written ({error})"


def _turn_faults(
    ids: list[int],
    turns: dict[int | None, TurnSpan],
    tokenizer: PreTrainedTokenizerBase,
    known: Format,
    hostile: str,
) -> Iterator[str]:
    # A system message may stand in another's turn.
    bodies = (ids[turns[n].body : turns[n].end] if n in turns else ids for n in range(len(_ROLES)))
    said = {
        role: completion_text(body, tokenizer) for role, body in zip(_ROLES, bodies, strict=True)
    }
    if _SYSTEM not in said["system"]:
        yield "the system message does not stand in its turn"
    if f"{_QUESTION} {hostile}" not in said["user"]:
        yield "the user's message does not stand in its turn"
    read = known.read(said["assistant"], None).parsed
    if read.calls != (ToolCall(_TOOL, _ARGUMENTS),) or read.content.strip() or read.problems:
        yield "a call of the history does not stand in its turn as the format writes calls"
    elif read.end is None:
        yield "no end token follows a call of the history"
    if _RESULT not in said["tool"]:
        yield "the result of a call does not stand in its turn"
