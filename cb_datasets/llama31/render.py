"""From messages and tools to the exact token ids that the model reads.

The chat template writes the text; this module turns it into ids so that only the template can
write control tokens: whatever stands in messages or tool schemas is encoded as plain text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import FormatError
from cb_datasets.llama31.completion import render_completion
from cb_datasets.llama31.messages import half_surrogate, template_messages
from cb_datasets.llama31.tokens import BEGIN_OF_TEXT, CONTROL_TOKENS, EOT
from cb_datasets.records import ToolCall

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

DEFAULT_DATE = "26 Jul 2024"
_TEMPLATE_FILE = Path(__file__).with_name("chat_template.jinja")


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A prompt, from begin-of-text to the header of the assistant's turn.

    Attributes:
        text: The prompt as text. Neutralised control tokens look the same here as real ones;
            `token_ids` tell them apart.
        token_ids: The prompt as the model reads it.
        template_hash: SHA-256 of the chat template.
        neutralized_control_tokens: How many control tokens stood in untrusted text and were
            encoded as plain text (0 with `allow_control_tokens`).
        non_template_messages: How many messages of the history the template refuses (several
            calls in one message) and were written in the canonical dialect.
    """

    text: str
    token_ids: list[int]
    template_hash: str
    neutralized_control_tokens: int
    non_template_messages: int


@lru_cache(maxsize=1)
def default_chat_template() -> str:
    """The chat template of Llama 3.1, as this library ships it."""
    return _TEMPLATE_FILE.read_text(encoding="utf-8").removesuffix("\n")


def chat_template_of(tokenizer: PreTrainedTokenizerBase | None) -> str:
    """The tokenizer's own chat template, or the bundled one where it has none."""
    template = getattr(tokenizer, "chat_template", None)
    if isinstance(template, Mapping):
        template = template.get("tool_use") or template.get("default")
    return template if isinstance(template, str) and template else default_chat_template()


def template_hash(template: str) -> str:
    """SHA-256 of a chat template, in hex."""
    return hashlib.sha256(template.encode("utf-8")).hexdigest()


@lru_cache(maxsize=8)
def _compiled(template: str) -> Any:
    from transformers.utils.chat_template_utils import _compile_jinja_template

    return _compile_jinja_template(template)


@lru_cache(maxsize=1)
def _bundled_tokenizer() -> PreTrainedTokenizerBase:
    from cb_datasets.engines.tokenizer import load_tokenizer

    return load_tokenizer(None)


def render_prompt(
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]] | None = None,
    *,
    tokenizer: PreTrainedTokenizerBase | None = None,
    date_string: str = DEFAULT_DATE,
    allow_control_tokens: bool = False,
    **template_options: Any,
) -> RenderedPrompt:
    """Render a prompt for generation.

    Args:
        messages: OpenAI-style messages (`role`, `content`, `tool_calls`); tool results have role
            `tool` or `ipython`.
        tools: OpenAI function schemas; None or an empty list for none.
        tokenizer: The target's tokenizer; its own chat template is used when it has one. None
            takes the bundled tiny agent's, whose ids are its own.
        date_string: The date in the system message.
        allow_control_tokens: Let control tokens in messages and tools be control tokens. Only
            for attacks that are about them.
        template_options: Passed on to the template: `tools_in_user_message`, `builtin_tools`.

    Returns:
        Text and token ids. Without control tokens in the messages and without parallel calls in
        the history, both equal `tokenizer.apply_chat_template(add_generation_prompt=True)`.

    Raises:
        FormatError: A message or tool does not fit the format; the sentence says which.

    Format: Meta's Llama 3.1 model card and prompt formats.

    Example:
        >>> render_prompt([{"role": "user", "content": "Hi"}]).text[-28:]
        'assistant<|end_header_id|>\\n\\n'
    """
    tokenizer = tokenizer or _bundled_tokenizer()
    template = chat_template_of(tokenizer)
    normal, parallel = template_messages(messages)
    special = _special_tokens(tokenizer)
    made = [(message.content, *map(asdict, message.calls)) for message in parallel.values()]
    mask = _Mask(special, (normal, list(tools or []), made))
    if not allow_control_tokens:
        normal = mask.hide(normal)
        tools = mask.hide(list(tools or []))
    try:
        text = _compiled(template).render(
            messages=normal,
            tools=list(tools) if tools else None,
            bos_token=tokenizer.bos_token or BEGIN_OF_TEXT,
            date_string=date_string,
            add_generation_prompt=True,
            **template_options,
        )
    except Exception as error:
        # Templates raise whatever Jinja or they themselves like; the user needs one sentence.
        raise FormatError(f"the chat template refuses these messages: {error}") from error
    for place, message in parallel.items():
        if place + EOT not in text:
            raise FormatError("the chat template has no place for several calls in one message")
        content, calls = message.content, message.calls
        if not allow_control_tokens:
            content = mask.hide(content)
            calls = tuple(ToolCall(mask.hide(c.name), mask.hide(c.arguments)) for c in calls)
        # Its content stood in the template's turn: the end-of-turn after it is the calls' own.
        try:
            written = content + render_completion("", calls, end="eom_id")
        except FormatError as error:
            raise FormatError(f"message {place[1:-1]} (assistant): {error}") from error
        text = text.replace(place + EOT, written, 1)
    if not _is_utf8(text):
        raise FormatError(f"{half_surrogate(messages)} holds half a surrogate pair")
    return RenderedPrompt(
        text=mask.reveal(text),
        token_ids=_encode(text, tokenizer, mask),
        template_hash=template_hash(template),
        neutralized_control_tokens=mask.hidden,
        non_template_messages=len(parallel),
    )


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _special_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[str, ...]:
    cached = getattr(tokenizer, "_cb_special_tokens", None)
    if cached is None:
        known = {
            token.content for token in tokenizer.added_tokens_decoder.values() if token.special
        }
        cached = tuple(sorted(known.union(CONTROL_TOKENS), key=len, reverse=True))
        tokenizer._cb_special_tokens = cached
    return tuple(cached)


class _Mask:
    """Control tokens of untrusted text, hidden from the template behind private characters."""

    def __init__(self, special: tuple[str, ...], content: Any) -> None:
        self._pattern = _alternatives(special)
        used: set[str] = set()
        _collect_private(content, used)
        free = (chr(code) for code in range(0xE000, 0xF8FF) if chr(code) not in used)
        self._open, self._close = next(free), next(free)
        self._special = special
        self.hidden = 0

    def hide(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._pattern.sub(self._stand_in, value)
        if isinstance(value, Mapping):
            return {self.hide(key): self.hide(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.hide(item) for item in value]
        return value

    def _stand_in(self, match: re.Match[str]) -> str:
        self.hidden += 1
        return f"{self._open}{self._special.index(match.group())}{self._close}"

    def reveal(self, text: str) -> str:
        if not self.hidden:
            return text
        stand_in = re.compile(f"{self._open}(\\d+){self._close}")
        return stand_in.sub(lambda match: self._special[int(match.group(1))], text)

    def split(self, text: str) -> list[tuple[str, bool]]:
        """The rendered text in order: (control token, True) and (plain text, False)."""
        parts: list[tuple[str, bool]] = []
        at = 0
        for match in self._pattern.finditer(text):
            if match.start() > at:
                parts.append((self.reveal(text[at : match.start()]), False))
            parts.append((match.group(), True))
            at = match.end()
        if at < len(text):
            parts.append((self.reveal(text[at:]), False))
        return parts


@lru_cache(maxsize=8)
def _alternatives(special: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, special)))


_PRIVATE = re.compile("[\ue000-\uf8ff]")


def _collect_private(value: Any, used: set[str]) -> None:
    if isinstance(value, str):
        if not value.isascii():
            used.update(_PRIVATE.findall(value))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _collect_private(key, used)
            _collect_private(item, used)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _collect_private(item, used)


def _encode(text: str, tokenizer: PreTrainedTokenizerBase, mask: _Mask) -> list[int]:
    parts = mask.split(text)
    plain = [part for part, control in parts if not control]
    encoded = iter(plain_token_ids(plain, tokenizer))
    ids: list[int] = []
    for part, control in parts:
        if control:
            ids.append(_control_id(part, tokenizer))
        else:
            ids.extend(next(encoded))
    return ids


def plain_token_ids(texts: list[str], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """Token ids of texts in which control tokens are plain text."""
    if not texts:
        return []
    ids = tokenizer(texts, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return list(ids)


def _control_id(token: str, tokenizer: PreTrainedTokenizerBase) -> int:
    number = tokenizer.convert_tokens_to_ids(token)
    if not isinstance(number, int) or number == tokenizer.unk_token_id:
        raise FormatError(f"the tokenizer has no token {token}")
    return number


def completion_token_ids(text: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Token ids of a completion's text, its control tokens as control tokens.

    For recorded completions only: a generated one keeps the ids that the model emitted. Special
    tokens that no completion of the format holds (reserved ones) are plain text.
    """
    mask = _Mask(CONTROL_TOKENS, [])
    return _encode(text, tokenizer, mask)
