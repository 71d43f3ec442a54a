"""From messages and tools to what the chat template makes of them, still to be encoded.

The template writes the text, and only the template can write control tokens: those that stand in
messages or tool schemas are hidden from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import FormatError
from cb_datasets.formats.call_ids import with_call_ids
from cb_datasets.formats.calls import ToolCall
from cb_datasets.formats.chat_template import chat_template_of, compiled_template
from cb_datasets.formats.encode import encode_rendered, special_tokens
from cb_datasets.formats.format import Format
from cb_datasets.formats.mask import Mask
from cb_datasets.formats.messages import half_surrogate, template_messages

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Draft:
    """A prompt as the template wrote it, before it is encoded.

    Attributes:
        text: The rendered text, in which control tokens of untrusted text are hidden.
        mask: What hid them.
        parallel: Number of messages that the template refuses.
    """

    text: str
    mask: Mask
    parallel: int

    def token_ids(self, tokenizer: PreTrainedTokenizerBase | None) -> list[int] | None:
        """The prompt as the model reads it; None without its tokenizer."""
        if tokenizer is None:
            return None
        return encode_rendered([(self.text, self.mask)], tokenizer)[0]


def template_draft(
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]] | None,
    *,
    of: Format,
    tokenizer: PreTrainedTokenizerBase | None,
    date_string: str,
    allow_control_tokens: bool,
    **template_options: Any,
) -> Draft:
    """What a tokenizer's template makes of messages.

    Args:
        messages: As for `render_prompt`, and so the others.
        tools: The tools on offer.
        of: The format that the template is taken to write.
        tokenizer: The target's tokenizer.
        date_string: The date in the system message.
        allow_control_tokens: Let control tokens in messages and tools be control tokens.
        template_options: Passed on to the template.

    Raises:
        FormatError: A message or tool does not fit the format; the sentence says which.
    """
    normal, parallel = template_messages(messages, several=of.several_calls is None)
    if of.call_ids:
        normal = with_call_ids(normal, messages)
    made = [(message.content, *map(asdict, message.calls)) for message in parallel.values()]
    mask = Mask(
        special_tokens(tokenizer, of.control_tokens, of.markup), (normal, list(tools or []), made)
    )
    if not allow_control_tokens:
        normal = mask.hide(normal)
        tools = mask.hide(list(tools or []))
    template = chat_template_of(tokenizer)
    given = {
        "tools": list(tools) if tools else None,
        "bos_token": getattr(tokenizer, "bos_token", None) or of.begin or "",
        "eos_token": getattr(tokenizer, "eos_token", None) or of.end_tokens[of.ends[1]],
        "date_string": date_string,
        "strftime_now": _clock(date_string),
        "add_generation_prompt": True,
        **template_options,
    }
    try:
        text = compiled_template(template).render(messages=normal, **given)
    except Exception as error:
        # Templates raise whatever Jinja or they themselves like; the user needs one sentence.
        raise FormatError(f"the chat template refuses these messages: {error}") from error
    several = [n for n, message in enumerate(normal, 1) if len(message.get("tool_calls", ())) > 1]
    if several and not _writes_every_call(template):
        raise FormatError(
            f"message {several[0]} (assistant): the chat template does not write all of its "
            f"{len(normal[several[0] - 1]['tool_calls'])} calls"
        )
    for place, message in parallel.items():
        if place + of.turn_end not in text:
            raise FormatError("the chat template has no place for several calls in one message")
        content, calls = message.content, message.calls
        if not allow_control_tokens:
            content = mask.hide(content)
            calls = tuple(ToolCall(mask.hide(c.name), mask.hide(c.arguments)) for c in calls)
        # Its content stood in the template's turn: the end-of-turn after it is the calls' own.
        try:
            assert of.several_calls is not None
            written = content + of.several_calls(calls)
        except FormatError as error:
            raise FormatError(f"message {place[1:-1]} (assistant): {error}") from error
        text = text.replace(place + of.turn_end, written, 1)
    if not _is_utf8(text):
        raise FormatError(f"{half_surrogate(messages)} holds half a surrogate pair")
    return Draft(text, mask, len(parallel))


@lru_cache(maxsize=16)
def _writes_every_call(template: str) -> bool:
    """Whether a template writes the second call of a message, too; one that refuses says so."""
    marker = "the second call, 3b1f"
    calls = [
        {
            "type": "function",
            "id": f"canary{number:03}",
            "function": {"name": "canary", "arguments": {"which": which}},
        }
        for number, which in enumerate(("the first call", marker))
    ]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "Done."} for call in calls]
    asked = {"role": "user", "content": "Hi"}
    messages = [asked, {"role": "assistant", "content": "", "tool_calls": calls}, *results]
    try:
        text = compiled_template(template).render(
            messages=messages, add_generation_prompt=True, strftime_now=_clock("26 Jul 2024")
        )
    except Exception:  # as above: the messages at hand are then refused as well, or were not
        return True
    return marker in text


def _clock(date_string: str) -> Callable[[str], str]:
    """What tells a template the date that was asked for, as it wants it written."""
    for form in ("%d %b %Y", "%Y-%m-%d"):
        with suppress(ValueError):
            return datetime.strptime(date_string, form).strftime
    return lambda form: date_string


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
